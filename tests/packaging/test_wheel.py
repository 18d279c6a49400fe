"""What `pip install .` gives: a wheel is built, unpacked, and used from another folder."""

import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from liveportrait_core import __version__

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("functions", "liveportrait_core", "emulator", "weights", "web")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel, as in a site-packages folder."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.pth")
        )
    for path in (
        *ROOT.glob("*.toml"),
        *ROOT.glob("*.md"),
        *ROOT.glob("requirements*"),
        ROOT / "LICENSE",
    ):
        shutil.copy(path, source)
    wheels = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(wheels), str(source)], check=True)
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(next(wheels.glob("avatar_idle-*.whl"))) as wheel:
        wheel.extractall(site)
    return site


def in_the_package(site: Path, code: str) -> str:
    """What a program prints that finds only the unpacked wheel, from a folder of its own."""
    program = f"import sys; sys.path.insert(0, {str(site)!r})\n{code}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=site.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_every_data_file_of_the_packages_is_in_the_wheel(site: Path) -> None:
    tracked = ["ls-files", "--", *PACKAGES]
    listed = subprocess.run(["git", *tracked], cwd=ROOT, capture_output=True, text=True, check=True)
    data = [name for name in listed.stdout.split() if not name.endswith((".py", ".gitignore"))]
    assert "weights/manifest.json" in data
    assert "functions/rules/firestore.rules" in data
    assert [name for name in data if not (site / name).is_file()] == []


def test_the_package_reads_its_own_data(site: Path) -> None:
    told = in_the_package(
        site,
        "from liveportrait_core.weights.manifest import read_manifest, PROJECT_MANIFEST\n"
        "from pathlib import Path\n"
        "import emulator.demo\n"
        "print(PROJECT_MANIFEST, len(read_manifest(Path('nowhere')).sets))\n"
        "print(sorted(path.name for path in emulator.demo.SEED.iterdir()))",
    )
    manifest, seeds = told.splitlines()
    assert manifest.startswith(str(site))
    assert int(manifest.split()[-1]) > 0
    assert "grace_hopper.jpg" in seeds


def test_the_console_script_is_the_command_line(site: Path) -> None:
    entry = ConfigParser()
    entry.read(next(site.glob("*.dist-info")) / "entry_points.txt")
    module, _, function = entry["console_scripts"]["avatar-idle"].partition(":")
    code = f"from {module} import {function}; sys.exit({function}(['--version']))"
    assert in_the_package(site, code) == f"avatar-idle {__version__}\n"


def test_the_newest_release_of_the_changelog_is_the_packages_version() -> None:
    releases = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert releases[0] == __version__
