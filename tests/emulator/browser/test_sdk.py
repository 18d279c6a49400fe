"""The Firebase SDKs of npm: `make test-browser` installs them and runs this."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from google.cloud.storage import Bucket

from emulator.suite import Suite
from tests.emulator.browser.page_server import HERE, PageServer

pytestmark = pytest.mark.browser

PACKAGES = Path("out") / "browser" / "node_modules"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
SCENARIO_S = 120
EXPECTED = {
    "written": {
        "n": 3,
        "text": "ä€😀",
        "list": [1, None, 2],
        "keys": ["at", "big", "inner", "list", "n", "text"],
        "at": 5,
    },
    "isTimestamp": True,
    "listened": [3, 7, None],
    "counted": 4,
    "queried": ["r4", "r2"],
    "total": 4,
    "refused": "not-found",
    "stored": [5, "text/plain", "ada"],
    "read": "hello",
    "range": [206, "ell", "bytes 1-3/5"],
    "resumed": [700_000, True],
    "listed": ["large.bin", "note ä.txt"],
    "missing": "storage/object-not-found",
}


@pytest.fixture
def package() -> Path:
    if not (PACKAGES / "firebase").is_dir():
        pytest.skip("npm's firebase is not in out/browser: `make test-browser` installs it")
    return PACKAGES / "firebase"


@pytest.fixture
def node(package: Path) -> Path:
    """Node, and the programs where it finds the packages."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no node on the PATH (Debian's package nodejs)")
    for program in HERE.glob("*.mjs"):
        shutil.copy(program, PACKAGES.parent / program.name)
    return Path(found)


@pytest.fixture
def chromium() -> Path:
    for name in CHROMIUMS:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    pytest.skip(f"none of {', '.join(CHROMIUMS)} on the PATH (Debian's package chromium)")


def host_and_port(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)


def settings(suite: Suite) -> dict[str, Any]:
    firestore_host, firestore_port = host_and_port(suite.firestore_address)
    storage_host, storage_port = host_and_port(suite.storage_url)
    return {
        "project": suite.options.project,
        "bucket": suite.options.bucket,
        "firestoreHost": firestore_host,
        "firestorePort": firestore_port,
        "storageHost": storage_host,
        "storagePort": storage_port,
    }


def run_node(node: Path, program: str, *arguments: str) -> Any:
    ended = subprocess.run(
        [str(node), program, *arguments],
        cwd=PACKAGES.parent,
        capture_output=True,
        text=True,
        timeout=SCENARIO_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@contextmanager
def browsing(chromium: Path, profile: Path, url: str) -> Iterator[None]:
    process = subprocess.Popen(
        [
            str(chromium),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--autoplay-policy=no-user-gesture-required",
            f"--user-data-dir={profile}",
            url,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def a_video(folder: Path) -> bytes:
    file = folder / "test.mp4"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi",
            "-i", "testsrc=size=160x90:rate=25:duration=4", "-pix_fmt", "yuv420p",
            "-movflags", "+faststart", str(file),
        ],
        check=True,
    )  # fmt: skip
    return file.read_bytes()


@pytest.mark.parametrize("origin", ["same", "cross"])
def test_the_web_sdk_in_chromium(
    suite: Suite, bucket: Bucket, package: Path, chromium: Path, tmp_path: Path, origin: str
) -> None:
    at = settings(suite)
    blob = bucket.blob("idle.mp4")
    blob.metadata = {"firebaseStorageDownloadTokens": "t0"}
    blob.upload_from_string(a_video(tmp_path), content_type="video/mp4")
    with PageServer(package, f"http://{suite.firestore_address}", suite.storage_url) as pages:
        if origin == "same":
            at |= dict.fromkeys(("firestorePort", "storagePort"), pages.port)
        video = f"http://127.0.0.1:{at['storagePort']}/v0/b/{bucket.name}/o/idle.mp4"
        at["videoUrl"] = f"{video}?alt=media&token=t0"
        pages.page = page(package, at)
        with browsing(chromium, tmp_path / "profile", f"http://127.0.0.1:{pages.port}/"):
            said = pages.said(SCENARIO_S)
    assert said.get("error") is None, said["error"]
    assert said == {**EXPECTED, "played": [160, 90, 4]}


def page(package: Path, at: dict[str, Any]) -> str:
    """The page, with its modules where the SDK's own files look for each other."""
    version = json.loads((package / "package.json").read_text())["version"]
    mapped = {
        f"firebase/{name}": f"/firebase-{name}.js" for name in ("app", "firestore", "storage")
    }
    mapped[f"https://www.gstatic.com/firebasejs/{version}/firebase-app.js"] = "/firebase-app.js"
    text = (HERE / "page.html").read_text()
    text = text.replace("IMPORT_MAP", json.dumps({"imports": mapped}))
    return text.replace("SETTINGS", json.dumps(at))


def test_the_web_sdk_in_node(suite: Suite, node: Path) -> None:
    assert run_node(node, "node.mjs", json.dumps(settings(suite))) == EXPECTED


def test_firebase_admin_in_node(suite: Suite, node: Path) -> None:
    if not (PACKAGES / "firebase-admin").is_dir():
        pytest.skip("npm's firebase-admin is not in out/browser: `make test-browser` installs it")
    said = run_node(node, "admin.mjs", json.dumps(settings(suite)))
    assert said == {
        "counted": 4,
        "heard": ["r0", "r1", "r2"],
        "refused": 6,
        "total": 3,
        "parts": ["r0", "r1", "r2"],
        "collections": ["counters", "rooms"],
        "raced": 412,
        "read": "hello",
        "size": 700_000,
        "listed": ["avatars/ada/note.txt", "copy.bin", "large.bin"],
    }
