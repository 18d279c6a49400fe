"""A slider that moves does not prepare the portrait again, and nothing is remembered for long."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.errors import ImageNoFace
from liveportrait_core.options import AnimationRegion, RenderOptions
from liveportrait_core.pipeline.last_portrait import LastPortrait
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Frame
from liveportrait_core.request import CachedMotion, Clip, RenderRequest
from tests.core.clips import moving_clip
from tests.core.swaying import SwayingEngine, SwayingPortrait, soft_portrait

PICTURE = np.full((20, 30, 3), 128, np.uint8)
AT_REST = RenderOptions()


def test_a_moved_slider_is_not_prepared_again_and_renders_the_same_bytes(tmp_path: Path) -> None:
    engine = SwayingEngine()
    renderer = Renderer(engine, reason="a test")
    kept: list[bytes] = []
    request = RenderRequest(
        portrait=soft_portrait(tmp_path / "portrait.png"),
        motion=Clip(path=moving_clip(tmp_path / "driving.mp4", rate="30")),
        output=tmp_path / "first.mp4",
    )
    renderer.render(request, on_motion=kept.append)
    moved = replace(
        request,
        motion=CachedMotion(data=kept[0]),
        options=replace(request.options, driving_multiplier=0.7),
        output=tmp_path / "moved.mp4",
    )
    renderer.render(moved)
    assert engine.prepared == 1
    anew = replace(moved, output=tmp_path / "anew.mp4")
    Renderer(engine, reason="a test").render(anew)
    assert engine.prepared == 2
    assert anew.output.read_bytes() == moved.output.read_bytes()


@pytest.mark.parametrize(
    ("picture", "options", "times"),
    [
        pytest.param(PICTURE, replace(AT_REST, driving_multiplier=0.9), 1, id="multiplier"),
        pytest.param(PICTURE, replace(AT_REST, normalize_lip=False), 1, id="mouth"),
        pytest.param(
            PICTURE, replace(AT_REST, animation_region=AnimationRegion.LIP), 1, id="region"
        ),
        pytest.param(PICTURE, replace(AT_REST, source_crop_scale=3.0), 2, id="crop"),
        pytest.param(PICTURE + 1, AT_REST, 2, id="picture"),
        pytest.param(PICTURE.reshape(30, 20, 3), AT_REST, 2, id="shape"),
    ],
)
def test_what_it_follows_from_decides(picture: Frame, options: RenderOptions, times: int) -> None:
    last, engine = LastPortrait(), SwayingEngine()
    last.prepared(engine, PICTURE, AT_REST)
    last.prepared(engine, picture, options)
    assert engine.prepared == times


def test_another_portrait_takes_its_place() -> None:
    last, engine = LastPortrait(), SwayingEngine()
    for picture in (PICTURE, PICTURE + 1, PICTURE):
        last.prepared(engine, picture, AT_REST)
    assert engine.prepared == 3


def test_it_is_forgotten() -> None:
    last, engine = LastPortrait(kept_s=0.01), SwayingEngine()
    last.prepared(engine, PICTURE, AT_REST)
    while any(
        isinstance(thread, threading.Timer) and thread.interval == 0.01
        for thread in threading.enumerate()
    ):
        time.sleep(0.005)
    last.prepared(engine, PICTURE, AT_REST)
    assert engine.prepared == 2


def test_a_failure_keeps_nothing() -> None:
    class Faceless(SwayingEngine):
        def prepare(self, portrait: Frame, options: RenderOptions) -> SwayingPortrait:
            super().prepare(portrait, options)
            raise ImageNoFace("no face; accepted: one")

    last, engine = LastPortrait(), Faceless()
    for _ in range(2):
        with pytest.raises(ImageNoFace):
            last.prepared(engine, PICTURE, AT_REST)
    assert engine.prepared == 2
