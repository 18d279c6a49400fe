"""One studio for all tests of this folder, with a method of lip-sync that has learned nothing."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulator.function_process import free_port
from liveportrait_core.__main__ import main
from tests.core.clips import ffmpeg

SEED = Path(__file__).parents[3] / "emulator" / "seed"
PICTURES = Path(os.environ["STUDIO_PICTURES"]) if "STUDIO_PICTURES" in os.environ else None
PATIENCE_MS = 240_000
TAPS = ((0.4, 0.25), (0.5, 0.25), (0.45, 0.4))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    words = ["--seed", "3", "--seconds", "1.5", "--fps", "24"]
    assert main(["idle", str(SEED / "astronaut.png"), "-o", str(path), *words]) == 0
    return path


@pytest.fixture(scope="session")
def still_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a small face that stands still, 6 frames a second: quickly painted."""
    path = tmp_path_factory.mktemp("clip") / "face.mp4"
    ffmpeg(
        "-loop", "1", "-framerate", "6", "-i", str(SEED / "grace_hopper.jpg"), "-frames:v", "12",
        "-vf", "scale=320:-2", "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path),
    )  # fmt: skip
    return path


@pytest.fixture
def sound_file(sound: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "s.wav"
    path.write_bytes(sound)
    return path


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory, lipsync_weights: Path) -> Iterator[str]:
    pytest.importorskip("gradio")
    port, data = free_port(), tmp_path_factory.mktemp("studio")
    url = f"http://127.0.0.1:{port}"
    environment = {
        name: value for name, value in os.environ.items() if not name.endswith("_EMULATOR_HOST")
    }
    environment["AVATAR_WEB_WEIGHTS"] = str(lipsync_weights)
    command = [sys.executable, "-m", "web.studio", "--engine", "mesh", "--port", str(port)]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--data", str(data)], env=environment, stdout=log, stderr=log
        )
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{url}/health").status_code == 200:
                    break
            except httpx.HTTPError:
                assert process.poll() is None, (data / "log").read_text()
                time.sleep(0.2)
        yield url
        started = processes_of(process.pid)
        process.terminate()
        process.wait(timeout=60)
    assert started  # the function's
    assert not [each for each in started if is_running(each)]


def processes_of(parent: int) -> list[int]:
    """The ids of what a process has started."""
    words = ["ps", "-o", "pid=", "--ppid", str(parent)]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    return [int(each) for each in told.stdout.split()]


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on the PATH (Debian's package chromium)")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(studio: str, browser: Any) -> Iterator[Any]:
    """A tab; ends by asking whether anything was fetched from elsewhere, or failed in the page."""
    context = browser.new_context(viewport={"width": 1150, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    hosts, errors = set(), []
    opened.on("request", lambda each: hosts.add(httpx.URL(each.url).host))
    opened.on("console", lambda each: errors.append(each.text) if each.type == "error" else None)
    opened.goto(studio, wait_until="domcontentloaded")
    yield opened
    context.close()
    assert hosts <= {"127.0.0.1", ""}
    assert errors == []


def drag(page: Any, slider: str, share: float) -> None:
    """Move a slider by the mouse to that share of its width, once it stands still."""
    page.wait_for_function("[...document.images].every(each => each.complete)")
    track = page.locator(f"{slider} input[type=range]")
    track.hover()  # waits until nothing above it changes its height any more
    box = track.bounding_box()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()


def point_out(page: Any, prefix: str) -> list[str]:
    """Open the animal's controls and tap eyes and mouth; return the points that are shown then."""
    page.get_by_role("button", name="An animal").click()
    page.locator(f"#{prefix}-species input[value=animal]").check()
    page.wait_for_selector(f"#{prefix}-taps img")
    for count, (x, y) in enumerate(TAPS, 1):
        page.wait_for_function(  # a tap on a picture that is still loading has no place
            "id => (img => img?.complete && img.naturalWidth > 0)(document.querySelector(id))",
            arg=f"#{prefix}-taps img",
        )
        shown = page.locator(f"#{prefix}-taps img")
        before, box = shown.get_attribute("src"), shown.bounding_box()
        shown.click(position={"x": x * box["width"], "y": y * box["height"]})
        page.wait_for_function(
            "([id, before]) => document.querySelector(id)?.src !== before",
            arg=[f"#{prefix}-taps img", before],
        )
        points = page.locator(f"#{prefix}-points textarea, #{prefix}-points input").first
        assert len(points.input_value().split()) == (3 if count == 3 else 0)
    pairs: list[str] = points.input_value().split()
    return pairs


def picture(page: Any, name: str) -> None:
    if PICTURES is not None:
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(1500)
        page.screenshot(path=str(PICTURES / f"{name}.png"), full_page=True)


def turn_to(page: Any, name: str) -> None:
    """Turn to the page of that name."""
    page.get_by_role("tab", name=name).click()
    page.wait_for_selector(f"[role=tab][aria-selected=true]:has-text('{name}')")


def wait_for_phase(page: Any, *phases: str) -> str:
    """Wait until the line of the Animate page says one of these; return its words."""
    line = page.locator(", ".join(f"#a-state [data-phase={each}]" for each in phases))
    line.wait_for()
    return str(line.inner_text()).strip()


def alert(page: Any, control: str) -> str:
    """What is said beside a control, once anything is."""
    said = page.locator(f"#{control}-error [role=alert]")
    said.wait_for()
    return str(said.inner_text())
