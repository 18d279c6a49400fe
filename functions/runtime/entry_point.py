"""The image's entry point: choose the driver's libraries, then become what was asked for.

NVIDIA's compatibility libraries let a build for a newer CUDA run on an older driver, and refuse to
start on a newer one (error 803). Which driver there is only the instance knows, and the loader
reads `LD_LIBRARY_PATH` when a process starts: so this one looks, sets it, and is replaced.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COMPAT = Path("/usr/local/cuda-compat")
_LIBRARY = re.compile(r"libcuda\.so\.(\d+(?:\.\d+)+)")
_OLDEST = (535,)  # the oldest driver branch in use with which the libraries for CUDA 13 work


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which libraries serve, and why."""

    compat: bool
    words: str


def choose(driver: str | None, compat: str | None) -> Choice:
    """Choose the libraries for a driver.

    Args:
        driver: the version of the driver in the kernel, such as "535.129.03"; None: there is none.
        compat: the version of the compatibility libraries in the image; None: there are none.
    """
    if driver is None:
        return Choice(compat=False, words="no driver")
    if compat is None:
        return Choice(compat=False, words=f"of the driver {driver}")
    present, brought = _numbers(driver), _numbers(compat)
    if not present or present[:1] < _OLDEST:
        return Choice(compat=False, words=f"of the driver {driver}, too old for {compat}")
    if present >= brought:
        return Choice(compat=False, words=f"of the driver {driver}, as new as {compat}")
    return Choice(compat=True, words=f"compatibility {compat} before the driver {driver}")


def environment_for(choice: Choice, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the process that follows."""
    path = environment.get("LD_LIBRARY_PATH", "")
    folders = [str(COMPAT)] * choice.compat + [path] * bool(path)
    changed = {**environment, "LIVEPORTRAIT_DRIVER_LIBRARIES": choice.words}
    return {**changed, "LD_LIBRARY_PATH": ":".join(folders)} if folders else changed


def compat_version(folder: Path) -> str | None:
    """Return the version of the compatibility libraries in a folder; None: there are none."""
    names = sorted(file.name for file in folder.glob("libcuda.so.*")) if folder.is_dir() else []
    found = (_LIBRARY.fullmatch(name) for name in names)
    return next((match[1] for match in found if match is not None), None)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def main(arguments: Sequence[str]) -> None:
    """Become Python with these arguments."""
    compat, driver = compat_version(COMPAT), None
    if compat is not None:  # an image without them has nothing to choose, nor to load for it
        from liveportrait_core.diagnostics.driver import driver_version

        driver = driver_version()
    environment = environment_for(choose(driver, compat), os.environ)
    os.execve(sys.executable, [sys.executable, *arguments], environment)  # noqa: S606 - no shell


if __name__ == "__main__":
    main(sys.argv[1:])
