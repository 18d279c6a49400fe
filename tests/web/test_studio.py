"""The studio in a real browser: from upload to a superseding save, an edit, an animation."""

import json
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

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

SEED = Path(__file__).parents[2] / "emulator" / "seed"
PICTURES = Path(os.environ["STUDIO_PICTURES"]) if "STUDIO_PICTURES" in os.environ else None
PATIENCE_MS = 240_000
TAPS = ((0.4, 0.25), (0.5, 0.25), (0.45, 0.4))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    words = ["--seed", "3", "--seconds", "1.5", "--fps", "24"]
    assert main(["idle", str(SEED / "astronaut.png"), "-o", str(path), *words]) == 0
    return path


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("gradio")
    port, data = free_port(), tmp_path_factory.mktemp("studio")
    url = f"http://127.0.0.1:{port}"
    environment = {
        name: value for name, value in os.environ.items() if not name.endswith("_EMULATOR_HOST")
    }
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


@pytest.fixture
def page(studio: str) -> Iterator[Any]:
    """A tab; ends by asking whether anything was fetched from elsewhere, or failed in the page."""
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on the PATH (Debian's package chromium)")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_context(viewport={"width": 1150, "height": 900}).new_page()
        opened.set_default_timeout(PATIENCE_MS)
        hosts, errors = set(), []
        opened.on("request", lambda each: hosts.add(httpx.URL(each.url).host))
        opened.on(
            "console", lambda each: errors.append(each.text) if each.type == "error" else None
        )
        opened.goto(studio, wait_until="domcontentloaded")
        yield opened
        browser.close()
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


def test_from_upload_to_a_superseding_save(page: Any, clip: Path) -> None:
    page.set_input_files("#d-portrait input[type=file]", str(SEED / "grace_hopper.jpg"))
    page.set_input_files("#d-driving input[type=file]", str(clip))
    page.wait_for_selector("#d-state [data-state=ready]")
    first = page.locator("#d-video video").last.get_attribute("src")
    picture(page, "details")
    drag(page, "#d-multiplier", 0.8)
    page.wait_for_selector("#d-state [data-state=queued], #d-state [data-state=rendering]")
    drag(page, "#d-multiplier", 0.2)
    page.wait_for_function(
        "first => document.querySelector('#d-state [data-state=ready]') && "
        "[...document.querySelectorAll('#d-video video')].at(-1).src !== first",
        arg=first,
    )
    assert page.locator("#d-video video").count() == 2  # the one before is beneath the newest
    other = page.context.new_page()
    other.set_default_timeout(PATIENCE_MS)
    other.goto(page.url)
    other.wait_for_function(
        "document.querySelector('#d-multiplier input[type=number]')?.value < 0.3"
    )
    pairs = point_out(page, "d")  # is saved with the third tap, and the other tab follows
    other.get_by_role("button", name="An animal").click()
    other.wait_for_function(
        "points => document.querySelector('#d-points textarea, #d-points input')?.value === points",
        arg=" ".join(pairs),
    )
    assert other.locator("#d-species input[value=animal]").is_checked()
    page.get_by_role("button", name="The document").click()
    page.wait_for_selector("#d-document:has-text('facePoints')")
    other.close()


def test_an_edit_is_seen_at_once_and_animated(page: Any, clip: Path) -> None:
    page.get_by_role("tab", name="Edit").click()
    page.set_input_files("#e-portrait input[type=file]", str(SEED / "astronaut.png"))
    page.wait_for_selector("#e-picture img")
    before = page.locator("#e-picture img").get_attribute("src")
    drag(page, "#e-smile", 0.9)
    page.wait_for_function(
        "before => document.querySelector('#e-picture img').src !== before", arg=before
    )
    page.wait_for_selector("#e-command:has-text('astronaut.png -o edited.png --edit=smile=')")
    by_mouse = page.locator("#e-command").inner_text()
    page.locator("#e-smile input[type=range]").press("ArrowLeft")  # a key releases it, too
    page.wait_for_function(
        "before => document.querySelector('#e-command').innerText !== before", arg=by_mouse
    )
    assert page.locator("#e-gaze_x input[type=range]").is_disabled()
    picture(page, "edit")
    page.click("#e-use")  # turns to Animate, and brings the portrait with it
    page.wait_for_selector("#a-portrait img")
    page.set_input_files("#a-driving input[type=file]", str(clip))
    page.wait_for_selector("#a-driving video")
    page.click("#a-go")
    page.wait_for_selector("#a-video video")
    page.wait_for_selector("#a-quality li:has-text('The loop is closed')")
    picture(page, "animate")
    page.get_by_role("button", name="The same as a command line").click()
    page.wait_for_selector("#a-command:has-text('avatar-idle render astronaut.png clip.mp4')")
    page.wait_for_selector("#a-body:has-text('smile')")
    page.get_by_role("button", name="The generation").click()
    page.wait_for_selector("#a-told:has-text('smile')")


def test_an_animal_is_pointed_out_by_three_taps(page: Any, clip: Path) -> None:
    page.get_by_role("tab", name="Animate").click()
    page.set_input_files("#a-portrait input[type=file]", str(SEED / "astronaut.png"))
    page.set_input_files("#a-driving input[type=file]", str(clip))
    page.wait_for_selector("#a-driving video")
    pairs = point_out(page, "a")
    assert [float(pair.split(",")[0]) for pair in pairs] == pytest.approx(
        [0.4, 0.5, 0.45], abs=0.02
    )
    picture(page, "animal")
    page.click("#a-go")
    page.wait_for_selector("#a-video video")
    page.get_by_role("button", name="The generation").click()
    page.wait_for_selector("#a-told:has-text('animal')")


def test_a_portrait_says_a_sound(page: Any, sound: bytes, tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(sound)
    page.get_by_role("tab", name="Animate").click()
    page.set_input_files("#a-portrait input[type=file]", str(SEED / "astronaut.png"))
    page.get_by_role("button", name="Let it speak").click()
    page.set_input_files("#a-sound input[type=file]", str(tmp_path / "s.wav"))
    page.wait_for_selector("#a-portrait img")
    page.wait_for_selector("#a-sound audio, #a-sound [data-testid^=waveform]", state="attached")
    page.click("#a-go")
    page.wait_for_selector("#a-video video[controls]")
    picture(page, "talk")


def test_key_frames_are_set_kept_in_a_file_and_animated(page: Any, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Edit").click()
    page.set_input_files("#e-portrait input[type=file]", str(SEED / "astronaut.png"))
    page.wait_for_selector("#e-picture img")
    page.get_by_role("button", name="Key frames").click()
    drag(page, "#e-smile", 0.9)
    page.locator("#t-frame input").fill("10")
    page.click("#t-set")
    page.wait_for_selector("#t-state:has-text('11 frames, 0.44 s')")
    with page.expect_download() as download:
        page.click("#t-save")
    download.value.save_as(tmp_path / "edits.json")
    keys = json.loads((tmp_path / "edits.json").read_text())["keys"]
    assert [key["frame"] for key in keys] == [0, 10]
    assert keys[1]["edit"]["smile"] > 0.5
    before = page.locator("#e-picture img").get_attribute("src")
    drag(page, "#t-look", 0.3)
    page.wait_for_function(
        "before => document.querySelector('#e-picture img').src !== before", arg=before
    )
    picture(page, "keys")
    keys[1]["frame"] = 12
    (tmp_path / "edits.json").write_text(json.dumps({"fps": 12, "keys": keys}))
    with page.expect_file_chooser() as chooser:
        page.click("#t-open")
    chooser.value.set_files(str(tmp_path / "edits.json"))
    page.wait_for_selector("#t-state:has-text('13 frames, 1.08 s')")
    page.click("#t-use")
    page.wait_for_selector("#a-portrait img")
    page.click("#a-go")
    page.wait_for_selector("#a-video video")


def test_a_wrong_file_is_said_in_words(page: Any, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Animate").click()
    page.wait_for_selector("#a-go")
    page.click("#a-go")
    page.wait_for_selector("#a-portrait-error [role=alert]:has-text('Bring a portrait first')")
    page.set_input_files("#a-portrait input[type=file]", str(SEED / "astronaut.png"))
    page.wait_for_selector("#a-portrait img")
    page.get_by_role("button", name="Another face").click()
    page.locator("#a-edit textarea, #a-edit input").first.fill("smyle=1")
    page.click("#a-go")
    page.wait_for_selector("#a-edit-error [role=alert]:has-text('smyle')")
    assert not page.locator("#a-portrait-error [role=alert]").is_visible()


def test_what_the_engine_cannot_do_is_grey_and_says_why(page: Any) -> None:
    page.get_by_role("tab", name="Animate").click()
    page.get_by_role("button", name="Expert").click()
    page.wait_for_selector("#a-expert:has-text('The mesh engine cannot do what is grey')")
    for name in ("crop", "crop-y", "driving-scale"):
        assert page.locator(f"#a-{name} input[type=range]").is_disabled()
    for name in ("do-crop", "relative", "stitching"):
        assert page.locator(f"#a-{name} input[type=checkbox]").is_disabled()
    assert page.locator("#a-pasteback input[type=checkbox]").is_enabled()
    picture(page, "expert")


def test_a_telephone_shows_it_without_scrolling_sideways(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for name in ("Details screen", "Animate", "Edit"):
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        picture(page, f"telephone-{name.split()[0].lower()}")
    page.set_input_files("#e-portrait input[type=file]", str(SEED / "astronaut.png"))
    page.wait_for_selector("#e-picture img")
    drag(page, "#e-lips", 0.9)  # far down the page, and the picture is still in sight
    box = page.locator("#e-picture img").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] < 400
    if PICTURES is not None:
        page.screenshot(path=str(PICTURES / "telephone-slider.png"))
