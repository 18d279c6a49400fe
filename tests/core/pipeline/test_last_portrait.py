"""A slider that moves does not prepare the portrait again, and nothing is remembered for long."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.errors import ImageNoFace
from liveportrait_core.media.pictures.image import Portrait
from liveportrait_core.options import AnimationRegion, RenderOptions
from liveportrait_core.pipeline.last_portrait import LastPortrait, Source
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Frame
from liveportrait_core.request import CachedMotion, Clip, RenderRequest
from tests.core.clips import moving_clip
from tests.core.swaying import SwayingEngine, SwayingPortrait, soft_portrait

PICTURE = Portrait(pixels=np.full((20, 30, 3), 128, np.uint8), warnings=())
SOURCE = Source(sha256="a", max_dim_px=2048)
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
    ("source", "options", "times"),
    [
        pytest.param(SOURCE, replace(AT_REST, driving_multiplier=0.9), 1, id="multiplier"),
        pytest.param(SOURCE, replace(AT_REST, normalize_lip=False), 1, id="mouth"),
        pytest.param(
            SOURCE, replace(AT_REST, animation_region=AnimationRegion.LIP), 1, id="region"
        ),
        pytest.param(SOURCE, replace(AT_REST, source_crop_scale=3.0), 2, id="crop"),
        pytest.param(replace(SOURCE, sha256="b"), AT_REST, 2, id="file"),
        pytest.param(replace(SOURCE, max_dim_px=600), AT_REST, 2, id="size"),
        pytest.param(None, AT_REST, 2, id="unread"),
    ],
)
def test_what_it_follows_from_decides(
    source: Source | None, options: RenderOptions, times: int
) -> None:
    last, engine = LastPortrait(), SwayingEngine()
    last.prepared(engine, SOURCE, PICTURE, AT_REST)
    last.prepared(engine, source, PICTURE, options)
    assert engine.prepared == times


def test_another_portrait_takes_its_place() -> None:
    last, engine = LastPortrait(), SwayingEngine()
    other = replace(SOURCE, sha256="b")
    for source in (SOURCE, other, SOURCE):
        last.prepared(engine, source, PICTURE, AT_REST)
    assert engine.prepared == 3


def test_it_is_decoded_once() -> None:
    last, decoded = LastPortrait(), list[Portrait]()

    def decode() -> Portrait:
        decoded.append(Portrait(pixels=PICTURE.pixels.copy(), warnings=()))
        return decoded[-1]

    for source, times in ((SOURCE, 1), (SOURCE, 1), (replace(SOURCE, sha256="b"), 2), (None, 3)):
        picture = last.picture(source, decode)
        last.prepared(SwayingEngine(), source, picture, AT_REST)
        assert len(decoded) == times


def test_a_file_is_told_by_its_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    one.write_bytes(b"one")
    other.write_bytes(b"one")
    assert Source.of(one, 600) == Source.of(other, 600) != Source.of(one, 601)
    other.write_bytes(b"other")
    assert Source.of(one, 600) != Source.of(other, 600)
    assert Source.of(tmp_path / "none.png", 600) is None


def test_it_is_forgotten() -> None:
    last, engine = LastPortrait(kept_s=0.01), SwayingEngine()
    last.prepared(engine, SOURCE, PICTURE, AT_REST)
    while any(
        isinstance(thread, threading.Timer) and thread.interval == 0.01
        for thread in threading.enumerate()
    ):
        time.sleep(0.005)
    last.prepared(engine, SOURCE, PICTURE, AT_REST)
    assert engine.prepared == 2


def test_a_failure_keeps_nothing() -> None:
    class Faceless(SwayingEngine):
        def prepare(self, portrait: Frame, options: RenderOptions) -> SwayingPortrait:
            super().prepare(portrait, options)
            raise ImageNoFace("no face; accepted: one")

    last, engine = LastPortrait(), Faceless()
    for _ in range(2):
        with pytest.raises(ImageNoFace):
            last.prepared(engine, SOURCE, PICTURE, AT_REST)
    assert engine.prepared == 2
