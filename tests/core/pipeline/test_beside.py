"""A portrait is prepared while the clip is analysed, where the engine can do both at once."""

import threading
from collections.abc import Iterable
from fractions import Fraction

import pytest

from liveportrait_core.errors import ImageNoFace, RenderError, VideoNoFace
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Frame
from liveportrait_core.request import Clip, RenderRequest
from tests.core.clips import moving_clip
from tests.core.swaying import Sway, SwayingEngine, SwayingPortrait, soft_portrait

LONGEST_S = 30.0


class Beside(SwayingEngine):
    """Each of the two waits for the other to have begun."""

    analyses_beside = True

    def __init__(self) -> None:
        super().__init__()
        self.both = threading.Barrier(2)
        self.frames_read = 0

    def prepare(self, portrait: Frame, options: RenderOptions) -> SwayingPortrait:
        self.both.wait(LONGEST_S)
        return super().prepare(portrait, options)

    def analyse(self, frames: Iterable[Frame], fps: Fraction) -> Sway:
        self.both.wait(LONGEST_S)
        return super().analyse(self._counted(frames), fps)

    def _counted(self, frames: Iterable[Frame]) -> Iterable[Frame]:
        for frame in frames:
            self.frames_read += 1
            yield frame


class Faceless(Beside):
    """Finds no face in the portrait, nor in the clip where it is told so."""

    def __init__(self, *, in_clip: bool) -> None:
        super().__init__()
        self.slowness_s = 0.05
        self.in_clip = in_clip
        self.clip_refused = threading.Event()

    def prepare(self, portrait: Frame, options: RenderOptions) -> SwayingPortrait:
        self.both.wait(LONGEST_S)
        if self.in_clip:
            self.clip_refused.wait(LONGEST_S)
        raise ImageNoFace("no face in the portrait; accepted: one")

    def analyse(self, frames: Iterable[Frame], fps: Fraction) -> Sway:
        if not self.in_clip:
            return super().analyse(frames, fps)
        self.both.wait(LONGEST_S)
        self.clip_refused.set()
        raise VideoNoFace("no face in the clip; accepted: one")


@pytest.fixture(scope="module")
def request_of(tmp_path_factory: pytest.TempPathFactory) -> RenderRequest:
    folder = tmp_path_factory.mktemp("beside")
    return RenderRequest(
        portrait=soft_portrait(folder / "portrait.png"),
        motion=Clip(path=moving_clip(folder / "driving.mp4", rate="30")),
        output=folder / "idle.mp4",
    )


def test_both_are_done_at_once(request_of: RenderRequest) -> None:
    report = Renderer(Beside(), reason="a test").render(request_of)
    assert report.frame_count == 30


@pytest.mark.parametrize("in_clip", [False, True], ids=["portrait", "both"])
def test_a_bad_portrait_ends_both_and_is_told(request_of: RenderRequest, in_clip: bool) -> None:
    engine, motions = Faceless(in_clip=in_clip), list[bytes]()
    with pytest.raises(RenderError) as raised:
        Renderer(engine, reason="a test").render(request_of, on_motion=motions.append)
    assert isinstance(raised.value, ImageNoFace)
    assert engine.frames_read < 15
    assert motions == []


def test_the_clip_is_told_where_the_portrait_is_good(request_of: RenderRequest) -> None:
    class GoodPortrait(Faceless):
        def prepare(self, portrait: Frame, options: RenderOptions) -> SwayingPortrait:
            return Beside.prepare(self, portrait, options)

    with pytest.raises(VideoNoFace):
        Renderer(GoodPortrait(in_clip=True), reason="a test").render(request_of)
