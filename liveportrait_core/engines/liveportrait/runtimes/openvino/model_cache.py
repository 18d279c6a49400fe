"""Converted graphs beside the weights, so that a process starts without converting.

An entry is named by everything that decides its content or what was measured on it: the weights'
digests, the versions of torch and OpenVINO, the code of the fast forms, the processor. It is used
only if every file in it has the digest that was noted when it was written, else it is made anew.
"""

import contextlib
import hashlib
import json
import logging
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from liveportrait_core.engines.liveportrait import fast, networks
from liveportrait_core.engines.liveportrait.runtimes.processor import processor_name
from liveportrait_core.weights.digests import sha256_of

FOLDER = ".compiled"
CONTENTS = "contents.json"
_NOTES = "notes.json"
_ENTRIES_KEPT = 4  # people's and animals'; an older version may run beside a newer one

_log = logging.getLogger(__name__)


def cache_key(weight_digests: Iterable[str]) -> str:
    """Return the name of the entry for these weights on this machine: 16 hex digits."""
    facts = (
        version("openvino"),
        version("torch"),
        _code_digest(),
        processor_name(),
        *weight_digests,
    )
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


class ModelCache:
    """One entry, found or made."""

    def __init__(self, weights: Path, key: str, write: Callable[[Path], None]) -> None:
        """Find the entry, or let `write` fill a folder for it.

        Args:
            weights: the weights folder; where it cannot be written, the entry lasts as long as
                this object.
            key: the entry's name.
            write: puts the files into an empty folder.
        """
        entry = weights / FOLDER / key
        complaint = _complaint(entry)
        if complaint is None:
            self.folder = entry
            return
        if entry.exists():
            _log.warning("%s is not usable (%s): made anew", entry, complaint)
        else:
            _log.info("converting the networks into %s, once", entry)
        self.folder = self._made(entry, write)

    def note(self, name: str) -> float | None:
        """Return a number that was measured on this entry; None: not yet."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return float(json.loads((self.folder / _NOTES).read_bytes())[name])
        return None

    def keep_note(self, name: str, value: float) -> None:
        """Keep a number for later processes."""
        notes = {}
        with contextlib.suppress(OSError, ValueError):
            notes = dict(json.loads((self.folder / _NOTES).read_bytes()))
        with contextlib.suppress(OSError):  # measured again by the next process
            draft = self.folder / f".{_NOTES}"
            draft.write_text(json.dumps({**notes, name: value}))
            draft.replace(self.folder / _NOTES)

    def _made(self, entry: Path, write: Callable[[Path], None]) -> Path:
        try:
            entry.parent.mkdir(exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=entry.parent, prefix=".draft-"))
        except OSError as error:
            _log.warning("converted networks cannot be kept beside the weights: %s", error)
            passing = Path(tempfile.mkdtemp(prefix="avatar-idle-networks-"))
            weakref.finalize(self, shutil.rmtree, passing, ignore_errors=True)
            write(passing)
            return passing
        try:
            write(draft)
            (draft / CONTENTS).write_text(json.dumps(_contents(draft)))
            _put_in_place(draft, entry)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        _remove_old(entry)
        return entry


def _put_in_place(draft: Path, entry: Path) -> None:
    if _complaint(entry) is None:
        return  # another process was faster
    shutil.rmtree(entry, ignore_errors=True)
    draft.rename(entry)


def _complaint(entry: Path) -> str | None:
    """Return why an entry cannot be used; None: it can."""
    try:
        contents = json.loads((entry / CONTENTS).read_bytes())
        if not isinstance(contents, dict) or not contents:
            return f"{CONTENTS} names no files"
        for name, digest in contents.items():
            if sha256_of(entry / name) != digest:
                return f"{name} has changed"
    except (OSError, ValueError) as error:
        return str(error)
    return None


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir())}


def _remove_old(entry: Path) -> None:
    others = [path for path in entry.parent.iterdir() if path != entry and path.name[0] != "."]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_ENTRIES_KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


def _code_digest() -> str:
    sha = hashlib.sha256()
    for package in (fast, networks):
        for path in sorted(Path(package.__path__[0]).glob("*.py")):
            sha.update(path.read_bytes())
    for module in ("graphs", "conversion"):
        sha.update(Path(__file__).with_name(f"{module}.py").read_bytes())
    return sha.hexdigest()
