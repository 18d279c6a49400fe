"""Write the lock files: uv resolves what the requirements ask for, here it is parted.

What stands in the lock files stays, unless it no longer fits or everything is to be renewed.
"""

import re
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Final

from supply.locks import API, GATE, LOCKS, PARTS, Pin, lock_path, parse_lock, read_lock

# Of these an index that offers CPU builds has other files, or none.
_WITH_TORCH: Final = re.compile(r"torch|triton|(?:nvidia|cuda)-.*")
_OLDEST_PYTHON: Final = "3.11"
_COMPILE: Final = (
    "pip", "compile", "--quiet", "--universal", "--python-version", _OLDEST_PYTHON,
    "--only-binary", ":all:", "--generate-hashes", "--no-annotate", "--no-header", "--no-config",
)  # fmt: skip
_HEADERS: Final = {
    "packages": "What runs, but for torch: `pip install --require-hashes --no-deps -r` this file.",
    "torch": "torch with CUDA, as PyPI has it. Other indexes have other builds of this version.",
    GATE: "Of packages.txt, what a gate needs: it renders nothing.",
    API: "Of packages.txt and dev.txt, what the HTTP API needs in front of a queue.",
    "dev": "What the extras of pyproject.toml need beside that: tests, checks, the HTTP server.",
}


def write_locks(root: Path, uv: str, *, renew: bool = False) -> None:
    """Write all lock files.

    Args:
        root: the repository.
        uv: the program.
        renew: take the newest version of everything that no requirement pins.

    Raises:
        subprocess.CalledProcessError: nothing fits the requirements; uv has said what.
    """
    known = "" if renew else _known(root)
    needed = _compiled(uv, (root / "requirements.txt").read_text("utf-8"), known)
    # Their own requirements are wrong for us, as that file says.
    apart = _compiled(uv, (root / "requirements-nodeps.txt").read_text("utf-8"), known, "--no-deps")
    runs = needed + apart
    dev = _compiled(uv, _dev_requirements(root), known, within=needed)
    names = {pin.name for pin in runs}
    parted = {
        "packages": [pin for pin in runs if not _WITH_TORCH.fullmatch(pin.name)],
        "torch": [pin for pin in runs if _WITH_TORCH.fullmatch(pin.name)],
        "dev": [pin for pin in dev if pin.name not in names],
    }
    every = [*runs, *parted["dev"]]
    for part in PARTS:
        wanted = (root / f"requirements-{part}.txt").read_text("utf-8")
        found = {pin.name for pin in _compiled(uv, wanted, known, within=every)}
        parted[part] = [pin for pin in every if pin.name in found]
    for lock, pins in parted.items():
        pins.sort(key=lambda pin: (pin.name, pin.marker))
        text = f"# {_HEADERS[lock]}\n# Written by `make lock`.\n"
        path = lock_path(root, lock)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "".join(pin.lines for pin in pins), "utf-8")


def _known(root: Path) -> str:
    paths = [lock_path(root, lock) for lock in LOCKS]
    return "".join(pin.lines for path in paths if path.exists() for pin in read_lock(path))


def _dev_requirements(root: Path) -> str:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return "\n".join(line for extra in project["optional-dependencies"].values() for line in extra)


def _compiled(
    uv: str, requirements: str, known: str, *more: str, within: list[Pin] | None = None
) -> list[Pin]:
    """Resolve requirements; `within` has the versions that were chosen before."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, resolved = Path(folder) / "wanted.in", Path(folder) / "resolved.txt"
        bounds = Path(folder) / "bounds.txt"
        wanted.write_text(requirements, "utf-8")
        resolved.write_text(known, "utf-8")  # uv keeps the versions that its output has already
        bounds.write_text("\n".join(pin.lines.partition(" \\")[0] for pin in within or ()), "utf-8")
        command = [uv, *_COMPILE, *more, "--constraints", str(bounds), str(wanted)]
        command += ["--output-file", str(resolved)]
        subprocess.run(command, check=True)  # noqa: S603 - uv, with what stands above
        return list(parse_lock(resolved.read_text("utf-8")))
