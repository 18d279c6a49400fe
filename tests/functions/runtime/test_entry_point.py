"""Which driver libraries an instance takes, and that the entry point becomes what it was told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from functions.runtime.entry_point import COMPAT, choose, compat_version, environment_for

BROUGHT = "580.82.07"


@pytest.mark.parametrize(
    ("driver", "compat", "taken", "words"),
    [
        ("535.129.03", BROUGHT, True, "compatibility 580.82.07 before the driver 535.129.03"),
        ("550.54.15", BROUGHT, True, "compatibility 580.82.07 before the driver 550.54.15"),
        ("580.65.06", BROUGHT, True, "compatibility 580.82.07 before the driver 580.65.06"),
        ("580.82.07", BROUGHT, False, "of the driver 580.82.07, as new as 580.82.07"),
        ("580.95.05", BROUGHT, False, "of the driver 580.95.05, as new as 580.82.07"),
        ("595.71.05", BROUGHT, False, "of the driver 595.71.05, as new as 580.82.07"),
        ("1000.1", BROUGHT, False, "of the driver 1000.1, as new as 580.82.07"),
        ("525.60.13", BROUGHT, False, "of the driver 525.60.13, too old for 580.82.07"),
        ("open", BROUGHT, False, "of the driver open, too old for 580.82.07"),
        ("535.129.03", None, False, "of the driver 535.129.03"),
        (None, BROUGHT, False, "no driver"),
        (None, None, False, "no driver"),
    ],
)
def test_compatibility_libraries_serve_older_drivers_alone(
    driver: str | None, compat: str | None, taken: bool, words: str
) -> None:
    choice = choose(driver, compat)
    assert (choice.compat, choice.words) == (taken, words)


@pytest.mark.parametrize(
    ("driver", "before", "after"),
    [
        ("535.129.03", "/usr/local/nvidia/lib64", f"{COMPAT}:/usr/local/nvidia/lib64"),
        ("535.129.03", "", str(COMPAT)),
        ("580.95.05", "/usr/local/nvidia/lib64", "/usr/local/nvidia/lib64"),
        ("580.95.05", "", None),
    ],
)
def test_they_come_before_the_driver_s_own(driver: str, before: str, after: str | None) -> None:
    given = {"A": "1", **({"LD_LIBRARY_PATH": before} if before else {})}
    found = environment_for(choose(driver, BROUGHT), given)
    assert (found["A"], found.get("LD_LIBRARY_PATH")) == ("1", after)
    assert driver in found["LIVEPORTRAIT_DRIVER_LIBRARIES"]


def test_the_version_is_that_of_the_file(tmp_path: Path) -> None:
    assert compat_version(tmp_path / "none") is compat_version(tmp_path) is None
    for name in ("libcuda.so", "libcuda.so.1", f"libcuda.so.{BROUGHT}"):
        (tmp_path / name).touch()
    assert compat_version(tmp_path) == BROUGHT


def test_the_entry_point_becomes_the_module_that_is_named() -> None:
    told = "os.environ['LIVEPORTRAIT_DRIVER_LIBRARIES']"
    code = f"import os, sys; print(os.getpid(), {told}, sys.argv)"
    process = subprocess.Popen(
        [sys.executable, "-m", "functions.runtime.entry_point", "-c", code, "x"],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    said, _ = process.communicate(timeout=60)
    assert said.split(maxsplit=1)[0] == str(process.pid)  # SIGTERM comes to the one that serves
    assert said.rstrip().endswith("no driver ['-c', 'x']")
