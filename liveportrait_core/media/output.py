"""Where a result is written."""

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
