"""Inputs and results in the bucket, where a lifecycle rule deletes what is two days old."""

import time
from pathlib import Path
from typing import Any

from google.api_core import exceptions

from web.errors import NotFound

PREFIX = "livePortraitGenerations/"
_CACHED_S = 3600.0
_TYPES = {
    ".mp4": "video/mp4", ".gif": "image/gif", ".webp": "image/webp",
    ".png": "image/png", ".jpg": "image/jpeg",
}  # fmt: skip


class BucketFiles:
    """One bucket, and a folder of this machine for copies."""

    def __init__(self, bucket: Any, cache: Path) -> None:
        self._bucket = bucket
        self._cache = cache

    def keep(self, folder: str, source: Path) -> None:
        """Upload the files of a folder."""
        for path in sorted(source.iterdir()):
            self.upload(folder, path)

    def upload(self, folder: str, path: Path) -> None:
        """Upload one file."""
        blob = self._bucket.blob(f"{PREFIX}{folder}/{path.name}")
        blob.cache_control = "private, no-store"
        kind = _TYPES.get(path.suffix, "application/octet-stream")
        blob.upload_from_filename(str(path), content_type=kind)

    def download(self, folder: str, name: str, to: Path) -> None:
        """Download one file; it is complete or not there.

        Raises:
            NotFound: there is none.
        """
        arriving = to.with_name(f"{to.name}.{time.monotonic_ns()}")
        try:
            blob = self._bucket.blob(f"{PREFIX}{folder}/{name}")
            blob.download_to_filename(str(arriving), raw_download=True)
            arriving.rename(to)
        except exceptions.NotFound as error:
            raise NotFound(
                f"the file {name} is gone; accepted: one whose generation is kept"
            ) from error
        finally:
            arriving.unlink(missing_ok=True)

    def fetch(self, folder: str, name: str) -> Path:
        """Return a copy of a file, which stays for an hour.

        Raises:
            NotFound: there is none.
        """
        self._cache.mkdir(parents=True, exist_ok=True)
        for old in self._cache.iterdir():
            if time.time() - old.stat().st_mtime > _CACHED_S:
                old.unlink(missing_ok=True)
        copy = self._cache / f"{folder}-{name}"
        if not copy.is_file():
            self.download(folder, name, copy)
        return copy

    def delete(self, folder: str) -> None:
        """Delete a folder."""
        for blob in self._bucket.list_blobs(prefix=f"{PREFIX}{folder}/"):
            try:
                blob.delete()
            except exceptions.NotFound:  # another process deletes it too
                continue
