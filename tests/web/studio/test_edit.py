"""The Edit page in a real browser: sliders, key frames, and what Animate takes over."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.web.studio.conftest import SEED, drag, picture, turn_to

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]


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
    number = page.locator("#e-smile input[type=number]")
    number.fill("1.1")
    number.press("Enter")
    page.wait_for_selector("#e-command:has-text('--edit=smile=1.1')")
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


def test_a_face_without_a_portrait_leaves_that_of_animate(page: Any) -> None:
    turn_to(page, "Animate")
    page.set_input_files("#a-portrait input[type=file]", str(SEED / "astronaut.png"))
    page.wait_for_selector("#a-portrait img")
    turn_to(page, "Edit")
    number = page.locator("#e-smile input[type=number]")
    number.fill("0.4")
    number.press("Tab")
    page.wait_for_selector("#e-command:has-text('smile=0.4')")
    page.click("#e-use")
    page.wait_for_selector("[role=tab][aria-selected=true]:has-text('Animate')")
    page.get_by_role("button", name="Another face").click()
    edit = page.locator("#a-edit textarea, #a-edit input").first
    assert edit.input_value() == "smile=0.4"
    assert page.locator("#a-portrait img").is_visible()


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
