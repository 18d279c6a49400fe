"""A process that has only the packages of one image: imports of all others fail in it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from supply.locks import lock_path, read_lock

_OURS = "avatar-idle"
_REFUSING = """
import importlib.abc, json, os, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

refused = set(json.loads(sys.argv[1]))
sys.meta_path.insert(0, Missing())
"""
_TELLING = """
print(json.dumps(sorted(sys.modules)), flush=True)
os._exit(0)  # nobody takes what is still to be sent
"""


def imported_with(
    part: str, program: str, environment: Mapping[str, str]
) -> tuple[set[str], list[str]]:
    """Run a program with the packages of `locks/PART.txt` alone.

    Returns:
        The modules that it imported, and the lines of its standard error.
    """
    kept = {pin.name for pin in read_lock(lock_path(Path.cwd(), part))} | {_OURS}
    owners = {
        top: {canonicalize_name(name) for name in names}
        for top, names in packages_distributions().items()
    }
    refused = sorted(top for top, names in owners.items() if not names & kept)
    assert {"torch", "mediapipe", "scipy", "onnxruntime"} <= set(refused)
    done = subprocess.run(
        [sys.executable, "-c", _REFUSING + program + _TELLING, json.dumps(refused)],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout)), done.stderr.splitlines()
