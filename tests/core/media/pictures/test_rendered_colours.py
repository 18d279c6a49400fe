"""A red portrait stays red: through decoding, rendering and encoding, in every kind of file."""

from collections.abc import Iterator
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageSequence

from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.options import Delivery, RenderOptions, VideoFormat
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.report import Frame
from liveportrait_core.request import MotionTemplate, RenderRequest
from tests.core.colours import COLOURS, JUST_NOTICEABLE, delta_e, patches
from tests.core.swaying import Sway, SwayingEngine

ASTRONAUT = Path(str(files("skimage"))) / "data" / "astronaut.png"
FPS = Fraction(24)


def frames_of(path: Path, form: VideoFormat) -> Iterator[Frame]:
    if form is VideoFormat.MP4:
        with FrameReader(probe(path, 10), max_side_px=None) as reader:
            yield from reader
        return
    with Image.open(path) as image:
        for page in ImageSequence.Iterator(image):
            yield np.asarray(page.convert("RGB"))


@pytest.mark.parametrize("form", list(VideoFormat))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_patches_keep_their_colours(tmp_path: Path, form: VideoFormat, kind: str) -> None:
    side = 64
    portrait = tmp_path / "p"
    Image.fromarray(patches(side)).save(portrait, kind, quality=97, lossless=True)
    out = tmp_path / "out"
    request = RenderRequest(
        portrait=portrait,
        motion=MotionTemplate(motion=Sway(fps=FPS, frame_count=12)),
        output=out,
        options=RenderOptions(driving_multiplier=1.0),
        delivery=Delivery(format=form),
    )
    Renderer(SwayingEngine(), reason="test").render(request)
    for frame in frames_of(out, form):
        for place, (name, colour) in enumerate(COLOURS.items()):
            row, column = divmod(place, 5)
            # Clear of the borders: the upper row sways by ten pixels.
            found = frame[row * side + 8 : (row + 1) * side - 8, :][
                :, column * side + 16 : (column + 1) * side - 8
            ].mean((0, 1))
            assert delta_e(found, colour) <= JUST_NOTICEABLE, (name, found)


def red_portrait(path: Path, *, profile: bytes | None = None) -> Path:
    """The astronaut before a red wall, in a red light."""
    with Image.open(ASTRONAUT) as image:
        pixels = np.asarray(image.convert("RGB")).copy()
    pixels[..., 1:] = pixels[..., 1:] * 0.55
    pixels[:, -60:] = COLOURS["red"]
    Image.fromarray(pixels).save(path, icc_profile=profile)
    return path


def test_a_red_portrait_stays_red_while_its_face_moves(tmp_path: Path) -> None:
    portrait = red_portrait(tmp_path / "p.png")
    out = tmp_path / "a.mp4"
    renderer = open_renderer("mesh", tmp_path)
    motion = synthetic_idle(seed=3, seconds=1.0, fps=FPS)
    renderer.render(
        RenderRequest(
            portrait=portrait,
            motion=MotionTemplate(motion=motion),
            output=out,
            options=RenderOptions(),
        )
    )
    with Image.open(portrait) as image:
        whole = np.asarray(image).mean((0, 1))
    for frame in frames_of(out, VideoFormat.MP4):
        assert delta_e(frame[20:-20, -50:-10].mean((0, 1)), COLOURS["red"]) <= JUST_NOTICEABLE
        assert delta_e(frame.mean((0, 1)), tuple(whole)) <= JUST_NOTICEABLE


def test_the_poster_has_the_video_s_colours(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    portrait = red_portrait(tmp_path / "p.png", profile=srgb)
    out, poster = tmp_path / "a.mp4", tmp_path / "a.jpg"
    Renderer(SwayingEngine(), reason="test").render(
        RenderRequest(
            portrait=portrait,
            motion=MotionTemplate(motion=Sway(fps=FPS, frame_count=12)),
            output=out,
            poster=poster,
            options=RenderOptions(),
        )
    )
    first = next(frames_of(out, VideoFormat.MP4))
    with Image.open(poster) as image:
        pictured = np.asarray(image.convert("RGB"))
    for part in (np.s_[20:200, -50:-10], np.s_[300:, :]):
        assert delta_e(pictured[part].mean((0, 1)), tuple(first[part].mean((0, 1)))) <= 1
