"""Where a result is written."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from liveportrait_core.errors import InvalidOption


def require_folder(path: Path) -> None:
    """Refuse a file whose folder is not there.

    Raises:
        InvalidOption: it is not.
    """
    if not path.parent.is_dir():
        raise InvalidOption(
            f"{path.parent} is no folder to write {path.name} into; accepted: one that is there"
        )


def require_distinct(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse a file that would take the place of what it is made from.

    Raises:
        InvalidOption: it would.
    """
    for given in inputs:
        if path.exists() and given.exists() and path.samefile(given):
            raise InvalidOption(
                f"{path} is what the result is made from, and would be lost; accepted: another name"
            )


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give a file to write, which takes the place of another once it is whole.

    However the block ends otherwise, what stood there stays, and nothing is left beside it.

    Raises:
        OSError: the folder cannot be written into, or the place not be taken.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".render-") as folder:
        draft = Path(folder) / f"draft{path.suffix}"
        yield draft
        draft.replace(path)
