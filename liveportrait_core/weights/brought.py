"""Weight files that are never fetched: a person brings them, under a licence that is told.

The entries `brought` of `weights/manifest.json`. Knows names, sizes and digests.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any


@dataclass(frozen=True, kw_only=True)
class BroughtFile:
    """One file as it was published."""

    name: str
    size_bytes: int | None  # None: not known
    sha256: str | None  # None: not known, and nothing can tell whether it is the published one


@dataclass(frozen=True, kw_only=True)
class BroughtSet:
    """The files of one system."""

    name: str
    description: str
    source: str
    licence: str
    contains: str  # of another's work, with its licence; "": nothing
    research_only: bool  # or non-commercial: it needs a consent
    consent: str | None  # what gives it
    path: PurePosixPath  # in the weights folder, once it is installed
    install: str  # what to do with the files
    files: tuple[BroughtFile, ...]

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "BroughtSet":
        """Read an entry of the manifest."""
        return cls(
            name=entry["name"],
            description=entry["description"],
            source=entry["source"],
            licence=entry["licence"],
            contains=entry["contains"],
            research_only=entry["research_only"],
            consent=entry["consent"],
            path=PurePosixPath(entry["path"]),
            install=entry["install"],
            files=tuple(
                BroughtFile(name=file["name"], size_bytes=file["bytes"], sha256=file["sha256"])
                for file in entry["files"]
            ),
        )

    def lines(self, folder: Path) -> list[str]:
        """Tell people what it is, whence, under which licence, and whether it is installed."""
        only = "research or non-commercial use only" if self.research_only else "any use"
        state = "installed" if (folder / self.path).is_file() else "missing"
        return [
            f"{self.name}: {self.description}; never fetched",
            f"  from {self.source}",
            f"  licence: {self.licence}",
            *([f"  contains {self.contains}"] if self.contains else []),
            f"  for {only}" + (f": {self.consent}" if self.consent else ""),
            *(_line(file) for file in self.files),
            f"  {state}: {self.path}",
            f"  to install it: {self.install}",
        ]


def _line(file: BroughtFile) -> str:
    size = "size not known" if file.size_bytes is None else f"{file.size_bytes} bytes"
    digest = "digest not known" if file.sha256 is None else f"SHA-256 {file.sha256}"
    return f"  file {file.name}: {size}, {digest}"
