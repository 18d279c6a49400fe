"""What an image's root holds, by part and size."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

_SMALL_BYTES = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """One line of the list."""

    name: str
    version: str
    size_bytes: int
    files: int


def parts_of(root: Path) -> tuple[Part, ...]:
    """Code, weights and every large package of a root, the largest first; the small ones as one."""
    packages = sorted(_packages(root), key=lambda part: -part.size_bytes)
    large = [part for part in packages if part.size_bytes >= _SMALL_BYTES]
    small = packages[len(large) :]
    folders = ("functions", "liveportrait_core", "web", "weights")
    own = [_folder(root / "app", name) for name in folders]
    return (
        *own,
        *large,
        Part(
            name=f"{len(small)} smaller packages",
            version="",
            size_bytes=sum(part.size_bytes for part in small),
            files=sum(part.files for part in small),
        ),
    )


def size_of(root: Path) -> int:
    """Bytes of everything in a folder."""
    return sum(file.lstat().st_size for file in root.rglob("*") if file.is_file())


def _packages(root: Path) -> Iterator[Part]:
    for site in root.glob("venv/lib/python*/site-packages"):
        for package in distributions(path=[str(site)]):
            files = [Path(str(file.locate())) for file in package.files or ()]
            there = [file for file in files if file.is_file()]
            yield Part(
                name=package.name,
                version=package.version,
                size_bytes=sum(file.stat().st_size for file in there),
                files=len(there),
            )


def _folder(parent: Path, name: str) -> Part:
    files = [file for file in (parent / name).rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    return Part(name=f"/app/{name}", version="", size_bytes=size, files=len(files))
