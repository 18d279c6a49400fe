"""`make install` on machines that differ in what is on the PATH; nothing is really installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "mkdir", "touch", "grep", "cat", "chmod", "make", "dirname")
# A stand-in interpreter: answers the version check, makes an environment, and accepts pip's calls.
PYTHON = """#!/bin/bash
echo "{name} $*" >> "{log}"
case "$1" in
  -c) exit {unfit} ;;
  --version) echo "Python 3.11.9" ;;
  -m) [ "$2" != venv ] || {{ mkdir -p "$3/bin"; cat "$0" > "$3/bin/python"; }}
      [ "$2" != venv ] || chmod +x "$3/bin/python" ;;
esac
"""
UV = """#!/bin/bash
echo "uv $*" >> "{log}"
target="${{@: -1}}"
mkdir -p "$target/bin" && cat "{python}" > "$target/bin/python" && chmod +x "$target/bin/python"
"""


class Machine:
    """A PATH of few programs, and a copy of the Makefile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.path = folder / "bin"
        self.log = folder / "log"
        self.folder.mkdir()
        self.path.mkdir()
        self.log.touch()
        (self.folder / "locks").mkdir()
        locks = ("locks/packages.txt", "locks/dev.txt")
        for name in ("Makefile", "requirements.txt", "pyproject.toml", *locks):
            shutil.copy(ROOT / name, self.folder / name)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.path / tool).symlink_to(found)

    def has(self, name: str, text: str) -> None:
        script = self.path / name
        script.write_text(text)
        script.chmod(0o755)

    def has_python(self, name: str, *, fit: bool) -> None:
        self.has(name, PYTHON.format(name=name, log=self.log, unfit=0 if fit else 1))

    def install(self) -> subprocess.CompletedProcess[str]:
        command = ["make", f"SHELL={self.path / 'bash'}", "install"]
        where = {"PATH": str(self.path)}
        return subprocess.run(command, cwd=self.folder, env=where, capture_output=True, text=True)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_first_fitting_python_makes_the_environment(machine: Machine) -> None:
    machine.has_python("python3.12", fit=True)
    machine.has_python("python3", fit=False)
    assert machine.install().returncode == 0
    assert "python3.12 -m venv .venv" in machine.log.read_text()


def test_uv_makes_it_where_no_python_fits(machine: Machine) -> None:
    machine.has_python("python3", fit=False)
    python = machine.path / "of-uv"
    machine.has("of-uv", PYTHON.format(name="of-uv", log=machine.log, unfit=0))
    machine.has("uv", UV.format(log=machine.log, python=python))
    done = machine.install()
    assert done.returncode == 0, done.stderr
    assert "uv venv --quiet --seed --python 3.11 .venv" in machine.log.read_text()
    locked, torch, itself = (
        line for line in machine.log.read_text().splitlines() if " -m pip " in line
    )
    assert "--require-hashes --no-deps" in locked
    assert locked.endswith("-r locks/packages.txt -r locks/dev.txt")
    assert torch.endswith("--constraint requirements.txt torch")  # which build: the index decides
    assert itself.endswith("--no-deps --no-build-isolation --editable .")


def test_an_environment_that_stands_is_used_without_either(machine: Machine) -> None:
    machine.has_python("python3.11", fit=True)
    assert machine.install().returncode == 0
    (machine.path / "python3.11").unlink()
    (machine.folder / ".venv" / ".installed").unlink()
    done = machine.install()
    assert done.returncode == 0, done.stderr
    assert "Bringing .venv up to date" in done.stdout


def test_the_refusal_names_both_ways(machine: Machine) -> None:
    machine.has_python("python3", fit=False)
    done = machine.install()
    assert done.returncode == 2
    assert "Python 3.11 or 3.12" in done.stderr
    assert "pip install uv" in done.stderr
    assert not (machine.folder / ".venv").exists()
