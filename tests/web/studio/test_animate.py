"""The Animate page in a real browser."""

from pathlib import Path
from typing import Any

import pytest

from tests.web.studio.conftest import (
    PATIENCE_MS,
    SEED,
    alert,
    picture,
    point_out,
    turn_to,
    wait_for_phase,
)

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]


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


def test_a_portrait_says_a_sound(page: Any, sound_file: Path) -> None:
    turn_to(page, "Animate")
    page.set_input_files("#a-portrait input[type=file]", str(SEED / "astronaut.png"))
    page.get_by_role("button", name="Let it speak").click()
    page.set_input_files("#a-sound input[type=file]", str(sound_file))
    page.wait_for_selector("#a-portrait img")
    page.wait_for_selector("#a-state:has-text('Animate makes it speak.')")
    page.click("#a-go")
    page.wait_for_selector("#a-video video[controls]")
    assert "Mouth by visemes (MIT)." in wait_for_phase(page, "finished")
    picture(page, "talk")


def test_the_line_says_how_far_it_is_and_a_tab_loaded_anew_goes_on(page: Any, clip: Path) -> None:
    tab = page.context.new_page()  # loading breaks what is being received: its console says so
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(page.url)
    turn_to(tab, "Animate")
    assert wait_for_phase(tab, "idle") == "Bring a portrait."
    assert tab.locator("#a-stop").is_disabled()
    tab.set_input_files("#a-portrait input[type=file]", str(SEED / "astronaut.png"))
    tab.wait_for_selector("#a-state:has-text('Animate makes it move.')")
    tab.set_input_files("#a-driving input[type=file]", str(clip))
    tab.wait_for_selector("#a-driving video")
    tab.click("#a-go")
    wait_for_phase(tab, "working")
    tab.wait_for_selector("#a-stop:enabled")
    tab.reload()
    tab.wait_for_selector("[role=tab][aria-selected=true]:has-text('Animate')")
    assert wait_for_phase(tab, "finished") == "Ready."
    tab.wait_for_selector("#a-video video")
    assert tab.locator("#a-stop").is_disabled()
    with tab.expect_request(lambda request: "queue/join" in request.url):
        tab.set_input_files("#a-portrait input[type=file]", str(SEED / "grace_hopper.jpg"))
    tab.wait_for_selector("#a-portrait img")
    tab.wait_for_timeout(4000)  # for a line that would change now
    assert wait_for_phase(tab, "finished") == "Ready."
    tab.close()


def test_two_tabs_wait_in_one_queue_and_one_is_canceled(page: Any) -> None:
    other = page.context.new_page()
    other.set_default_timeout(PATIENCE_MS)
    other.goto(page.url)
    for tab in (page, other):
        turn_to(tab, "Animate")
        tab.set_input_files("#a-portrait input[type=file]", str(SEED / "astronaut.png"))
        tab.wait_for_selector("#a-portrait img")
    page.click("#a-go")  # six seconds of idle
    page.wait_for_selector("#a-state:has-text('Rendering')")
    other.click("#a-go")
    other.wait_for_selector("#a-state:has-text('Queued.')")
    assert page.locator("#a-state [data-phase=working]").is_visible()
    other.click("#a-stop")
    assert wait_for_phase(other, "failed") == "Canceled."
    assert wait_for_phase(page, "finished") == "Ready."
    other.close()


def test_a_clip_says_a_sound_once_its_licence_is_accepted(
    page: Any, still_clip: Path, sound_file: Path
) -> None:
    turn_to(page, "Animate")
    page.get_by_role("button", name="Let it speak").click()
    page.get_by_label("the driving clip, its mouth painted anew").check()
    page.wait_for_selector("#a-state:has-text('a sound that it is to say')")
    page.click("#a-go")
    assert alert(page, "a-driving") == "Bring the clip that is to speak first."
    page.set_input_files("#a-driving input[type=file]", str(still_clip))
    page.wait_for_selector("#a-driving video")
    page.wait_for_selector("#a-driving-error [role=alert]", state="hidden")
    page.set_input_files("#a-sound input[type=file]", str(sound_file))
    page.wait_for_selector("#a-state:has-text('Animate makes the clip speak.')")
    assert page.locator("#a-strength").is_hidden()  # the method's own
    page.click("#a-go")
    assert "licence is “research only”" in alert(page, "a-method")
    assert "Tick its box" in alert(page, "a-method")
    picture(page, "consent")
    page.get_by_label("wav2lip, research only: my use keeps to that").check()
    page.click("#a-go")
    assert wait_for_phase(page, "finished") == "Ready. Mouth by wav2lip (research only)."
    page.wait_for_selector("#a-video video[controls]")
    page.get_by_role("button", name="The same as a command line").click()
    page.wait_for_selector(
        "#a-command:has-text('avatar-idle lipsync face.mp4 s.wav -o lipsync.mp4 "
        "--accept-research-only-licence')"
    )
    page.wait_for_selector("#a-body:has-text('lipsync')")
    picture(page, "lipsync")


def test_a_wrong_file_is_said_in_words(page: Any, tmp_path: Path) -> None:
    turn_to(page, "Animate")
    page.click("#a-go")
    assert alert(page, "a-portrait") == "Bring a portrait first."
    (tmp_path / "notes.png").write_text("no picture")
    page.set_input_files("#a-portrait input[type=file]", str(tmp_path / "notes.png"))
    page.wait_for_selector("#a-portrait-error [role=alert]", state="hidden")
    page.wait_for_selector("#a-state:has-text('Animate makes it move.')")
    page.click("#a-go")
    assert "no picture of a known kind; accepted: JPEG" in alert(page, "a-portrait")
    page.locator("#a-portrait").get_by_label("Clear").or_(
        page.locator("#a-portrait .icon-button-wrapper button").last
    ).first.click()
    page.wait_for_selector("#a-portrait-error [role=alert]", state="hidden")
    page.set_input_files("#a-portrait input[type=file]", str(SEED / "astronaut.png"))
    page.wait_for_selector("#a-portrait img")
    page.get_by_role("button", name="Another face").click()
    page.locator("#a-edit textarea, #a-edit input").first.fill("smyle=1")
    page.click("#a-go")
    assert "smyle" in alert(page, "a-edit")
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
