"""Contents of objects as files: received in pieces, with their digests."""

import base64
import hashlib
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c


@dataclass(frozen=True, kw_only=True)
class Content:
    """The bytes of one object; both digests in base64, as in the APIs."""

    file: Path
    size_bytes: int
    md5: str
    crc32c: str


class Receiver:
    """Writes the bytes of an upload to a new file, which is deleted unless it is finished."""

    def __init__(self, folder: Path) -> None:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as created:
            self._file = Path(created.name)
        self._stream = self._file.open("wb")
        self._discard = weakref.finalize(self, _discard, self._stream, self._file)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c: Any = google_crc32c.Checksum()
        self.size_bytes = 0

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        self._stream.write(piece)
        self._md5.update(piece)
        self._crc32c.update(piece)
        self.size_bytes += len(piece)

    def write_file(self, file: Path) -> None:
        """Append the bytes of a file."""
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                self.write(piece)

    def finish(self) -> Content:
        """Close the file and return what was received."""
        self._stream.close()
        self._discard.detach()
        return Content(
            file=self._file,
            size_bytes=self.size_bytes,
            md5=base64.b64encode(self._md5.digest()).decode(),
            crc32c=base64.b64encode(self._crc32c.digest()).decode(),
        )

    def discard(self) -> None:
        """Close the file and delete it, unless it is finished."""
        self._discard()


def _discard(stream: BinaryIO, file: Path) -> None:
    stream.close()
    file.unlink(missing_ok=True)
