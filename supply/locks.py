"""Lock files: each package of the closure with its version and the hashes of its files.

In the form that pip takes with `--require-hashes`. Three files, since pip checks hashes of all it
is given or of none: `packages`, what runs, but for torch; `torch`, with what only its CUDA build
brings, since indexes offer other builds of it under the same version; `dev`, tools and tests.
`PARTS` repeat of the others what an image needs that renders nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.markers import Marker
from packaging.utils import canonicalize_name

LOCKS: Final = ("packages", "torch", "dev")
GATE, API = "gate", "api"
PARTS: Final = (GATE, API)  # of the others, each for an image of its own
IMAGE: Final = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.16",
    "python_version": "3.11",
    "sys_platform": "linux",
}
_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: *; *(?P<marker>.+))?")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


class LockUnreadable(Exception):
    """A line of a lock file is none that is written there."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A package at a version."""

    name: str  # normalized
    version: str
    hashes: tuple[str, ...]  # "sha256:…" of each of its files
    marker: str = ""  # where it is installed; "": everywhere

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Tell whether it is installed in an environment, such as `IMAGE`."""
        return not self.marker or Marker(self.marker).evaluate(dict(environment))

    @property
    def lines(self) -> str:
        """The pin as a lock file has it."""
        head = f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")
        return " \\\n".join((head, *(f"    --hash={value}" for value in self.hashes))) + "\n"


def lock_path(root: Path, lock: str) -> Path:
    """Return where a lock file lies."""
    return root / "locks" / f"{lock}.txt"


def read_lock(path: Path) -> tuple[Pin, ...]:
    """Read a lock file.

    Raises:
        LockUnreadable: a line is no pin with at least one hash.
    """
    return tuple(parse_lock(path.read_text("utf-8")))


def parse_lock(text: str) -> Iterator[Pin]:
    """Yield the pins of a lock file's text; raise as `read_lock`."""
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        head, *_ = line.split(" --hash=")
        match = _PIN.fullmatch(head.strip())
        hashes = tuple(_HASH.findall(line))
        if match is None or not hashes:
            raise LockUnreadable(f"{line!r}; accepted: name==version with sha256 hashes")
        yield Pin(
            name=canonicalize_name(match["name"]),
            version=match["version"],
            hashes=hashes,
            marker=(match["marker"] or "").strip(),
        )
