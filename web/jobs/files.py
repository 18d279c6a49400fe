"""Inputs and results in folders of this machine."""

import shutil
from collections.abc import Collection
from pathlib import Path

from web.errors import NotFound


class LocalFiles:
    """One folder a generation."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def keep(self, folder: str, source: Path) -> None:
        """Move the files of a folder on the same disk here."""
        source.rename(self._root / folder)

    def fetch(self, folder: str, name: str) -> Path:
        """Return where a file is.

        Raises:
            NotFound: there is none.
        """
        path = self._root / folder / name
        if not path.is_file():
            raise NotFound(f"the file {name} is gone; accepted: one whose generation is kept")
        return path

    def delete(self, folder: str) -> None:
        """Delete a folder."""
        shutil.rmtree(self._root / folder, ignore_errors=True)

    def path(self, folder: str) -> Path:
        """Return where results are written."""
        return self._root / folder

    def delete_others(self, folders: Collection[str]) -> None:
        """Delete every folder but these: what a killed process was receiving."""
        for path in self._root.iterdir():
            if path.name not in folders:
                shutil.rmtree(path, ignore_errors=True)
