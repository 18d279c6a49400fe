"""What is installed is what the lock files name, by version and by hash."""

import platform
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply.locks import LOCKS, PARTS, LockUnreadable, Pin, lock_path, parse_lock, read_lock

ROOT = Path(__file__).resolve().parents[2]
PINS = {lock: read_lock(lock_path(ROOT, lock)) for lock in LOCKS}
EVERY = [pin for pins in PINS.values() for pin in pins]
HERE = {name: str(value) for name, value in default_environment().items()}


def requirements(name: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def extras() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [
        Requirement(line) for each in project["optional-dependencies"].values() for line in each
    ]


DECLARE_WRONGLY = {canonicalize_name(one.name) for one in requirements("requirements-nodeps.txt")}


def named(name: str) -> list[Pin]:
    return [pin for pin in EVERY if pin.name == canonicalize_name(name)]


@pytest.mark.parametrize(
    "wanted",
    [*requirements("requirements.txt"), *requirements("requirements-nodeps.txt"), *extras()],
    ids=str,
)
def test_what_a_requirement_pins_is_what_is_locked(wanted: Requirement) -> None:
    """Where it differs: `make lock`."""
    pins = named(wanted.name)
    assert pins, f"{wanted} is in no lock file: run `make lock`"
    assert {pin.version for pin in pins} == {str(wanted.specifier).removeprefix("==")}
    assert any(pin.applies(HERE) for pin in pins) == (
        wanted.marker is None or wanted.marker.evaluate()
    )


def test_nothing_is_locked_twice_for_one_machine() -> None:
    for environment in (HERE, HERE | {"sys_platform": "darwin", "platform_system": "Darwin"}):
        names = [pin.name for pin in EVERY if pin.applies(environment)]
        assert len(names) == len(set(names))


def test_the_closure_is_whole() -> None:
    """Of what is installed here: each package's own requirements are locked too."""
    missing = []
    for pin in (pin for pin in EVERY if pin.applies(HERE) and pin.name not in DECLARE_WRONGLY):
        try:
            declared = [Requirement(line) for line in requires(pin.name) or ()]
        except PackageNotFoundError:
            continue  # torch's CUDA
        needed = (one for one in declared if not one.marker or one.marker.evaluate({"extra": ""}))
        missing += [f"{pin.name}: {one}" for one in needed if not named(one.name)]
    assert missing == []


@pytest.mark.skipif(sys.platform != "linux", reason="versions here are another platform's")
def test_what_is_installed_here_is_what_is_locked() -> None:
    differing = {}
    for pin in (pin for pin in PINS["packages"] if pin.applies(HERE)):
        if version(pin.name) != pin.version:
            differing[pin.name] = (version(pin.name), pin.version)
    assert not differing, f"bring the environment up to date with `make install`: {differing}"


def test_torch_alone_may_come_in_another_build() -> None:
    assert "torch" in {pin.name for pin in PINS["torch"]}
    assert not any(
        re.match("torch|nvidia-|cuda-", pin.name) for pin in (*PINS["packages"], *PINS["dev"])
    )


@pytest.mark.parametrize("part", PARTS)
def test_a_parts_packages_are_those_of_all_and_whole(part: str) -> None:
    """Where they differ: `make lock`."""
    pins = {pin.name: pin for pin in read_lock(lock_path(ROOT, part))}
    assert {*pins.values()} < {*EVERY}
    wanted = {canonicalize_name(one.name) for one in requirements(f"requirements-{part}.txt")}
    declared = {
        canonicalize_name(one.name) for one in (*requirements("requirements.txt"), *extras())
    }
    assert wanted <= declared & pins.keys()
    direct = (
        canonicalize_name(one.name)
        for name in pins
        for one in map(Requirement, requires(name) or ())
        if one.marker is None or one.marker.evaluate({"extra": ""})
    )
    assert {*direct} <= pins.keys()
    assert not pins.keys() & {"torch", "mediapipe", "scipy", "onnxruntime-gpu", "pytest"}


def test_no_index_is_named() -> None:
    for lock in (*LOCKS, *PARTS):
        text = lock_path(ROOT, lock).read_text()
        assert "://" not in text
        assert "--index" not in text


def test_both_pythons_have_files(tmp_path: Path) -> None:
    other = {"python_version": "3.12", "python_full_version": "3.12.9"}
    here = {pin.name for pin in EVERY if pin.applies(HERE | other)}
    assert here >= {"numpy", "torch", "mediapipe", "pytest"}, platform.machine()


@pytest.mark.parametrize(
    "line", ["numpy==1.0", "numpy>=1.0 --hash=sha256:" + "0" * 64, "numpy==1.0 --hash=md5:0"]
)
def test_a_line_without_version_or_hash_is_refused(line: str) -> None:
    with pytest.raises(LockUnreadable, match="accepted: name==version with sha256 hashes"):
        tuple(parse_lock(line))
