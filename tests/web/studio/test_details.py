"""The details screen in a real browser: from upload to a superseding save, in two tabs."""

from pathlib import Path
from typing import Any

import pytest

from tests.web.studio.conftest import PATIENCE_MS, PICTURES, SEED, drag, picture, point_out

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]


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
    other.wait_for_selector("#d-driving-kept small")  # it was brought nothing itself
    assert (
        other.locator("#d-portrait-kept small").inner_text().startswith("The avatar has a portrait")
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


def test_a_number_that_is_typed_is_saved_within_its_range(page: Any) -> None:
    page.get_by_role("button", name="The document").click()
    page.locator("#d-neutral input").click()
    page.wait_for_selector("#d-document:has-text('drivingMultiplier')")  # and the controls show it
    number = page.locator("#d-multiplier input[type=number]")
    number.fill("0.77")
    number.press("Enter")
    page.wait_for_selector("#d-document:has-text('0.77')")
    number.fill("7")
    number.press("Tab")
    page.wait_for_function(
        "/drivingMultiplier.*: *1\\b/.test("
        "document.querySelector('#d-document').innerText.replaceAll('\\n', ' '))"
    )
    assert number.input_value() == "1"
    assert page.locator(".toast-body").count() == 0


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
