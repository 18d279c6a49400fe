"""A file as it was given, before its reader sees it: not too large, and of a fitting kind."""

from dataclasses import dataclass
from pathlib import Path

from liveportrait_core.errors import BadInput
from liveportrait_core.media.file_kind import Role, kind_of
from liveportrait_core.media.sample_tables import announced_samples


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """What a reader asks of a file, and the errors by which it refuses one."""

    accepted: str  # formats, in words: "accepted: ..."
    most_bytes: int
    unsupported: type[BadInput]
    too_large: type[BadInput]
    roles: frozenset[Role]

    def check_size(self, path: Path) -> None:
        """Look at nothing but the file's size.

        Raises:
            BadInput: `unsupported`, no file or an empty one; `too_large`, over the limit.
        """
        if not path.is_file():
            raise self.unsupported(f"{path} is no file; {self.accepted}")
        size = path.stat().st_size
        if size == 0:
            raise self.unsupported(f"{path.name} is empty; {self.accepted}")
        if size > self.most_bytes:
            raise self.too_large(
                f"{path.name} has {size / 1e6:.1f} MB; "
                f"accepted: up to {self.most_bytes // 1_000_000} MB"
            )

    def check(self, path: Path) -> None:
        """Look at its size, its first bytes and the tables of samples that it announces.

        Raises:
            BadInput: as `check_size`; `unsupported`, another kind of file, or one that is cut off.
        """
        self.check_size(path)
        kind = kind_of(path)
        if kind is not None and not (kind.role in self.roles and kind.is_read):
            raise self.unsupported(f"{path.name} is {kind.words}; {self.accepted}")
        announced = announced_samples(path)
        if announced > path.stat().st_size:
            raise self.unsupported(
                f"{path.name} is cut off or broken: it announces {announced} samples or bytes of "
                f"them, more than it holds; {self.accepted}"
            )
