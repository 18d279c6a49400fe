"""What the meters read on videos of which the truth is known."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from liveportrait_core.media.clips.encode import FrameEncoder
from liveportrait_core.media.clips.formats import EncoderSettings
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.options import VideoFormat
from liveportrait_core.quality import JitterMeter, QualityMeter, timing_of
from liveportrait_core.quality.border import BorderMeter
from liveportrait_core.report import Box, Frame
from liveportrait_core.request import MotionTemplate
from tests.core.swaying import Sway, soft_portrait

FORMS = list(VideoFormat)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    path = soft_portrait(tmp_path_factory.mktemp("p") / "p.png", 480, 640)
    return read_portrait(path, max_dim_px=640).pixels


def shifted(picture: Frame, right: float, down: float) -> Frame:
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = picture.shape[1::-1]
    return np.asarray(
        cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT),
        np.uint8,
    )


def jitter_of(picture: Frame, tremble_px: float, *, still_share: float = 0.0) -> float:
    """A slow drift with an independent error in every frame; the left of it may stand still."""
    rng = np.random.default_rng(5)
    meter = JitterMeter()
    still = int(still_share * picture.shape[1])
    for place in range(50):
        right, down = rng.normal(0, tremble_px, 2)
        frame = shifted(picture, 0.3 * place + right, down)
        frame[:, :still] = picture[:, :still]
        meter.add(frame)
    measured = meter.per_mille()
    assert measured is not None
    return measured


@pytest.mark.parametrize("tremble_px", [0.3, 1.0])
@pytest.mark.parametrize("still_share", [0.0, 0.4])
def test_trembling_is_measured_as_it_is(
    portrait: Frame, tremble_px: float, still_share: float
) -> None:
    # The second difference of independent errors has six times their variance, along two axes.
    truth = np.sqrt(12) * tremble_px / 640 * 1000
    measured = jitter_of(portrait, tremble_px, still_share=still_share)
    assert measured == pytest.approx(truth, rel=0.25)


def test_a_steady_drift_does_not_tremble(portrait: Frame) -> None:
    assert jitter_of(portrait, 0.0) < 0.25


def test_jitter_needs_three_frames_and_something_to_follow(portrait: Frame) -> None:
    assert JitterMeter().per_mille() is None
    short, blank = JitterMeter(), JitterMeter()
    for _ in range(2):
        short.add(portrait)
    for _ in range(5):
        blank.add(np.full((64, 64, 3), 90, np.uint8))
    assert short.per_mille() is None
    assert blank.per_mille() is None


BOX = Box(x0=100, y0=60, x1=300, y1=360)


def test_a_frame_that_is_the_portrait_has_a_clean_border(portrait: Frame) -> None:
    meter = BorderMeter(portrait, BOX)
    meter.add(portrait.copy())
    assert (meter.worst_delta_e, meter.worst_seam, meter.worst_outside_share) == (0.0, 0.0, 0.0)


def test_a_cast_a_step_and_touched_pixels_are_found(portrait: Frame) -> None:
    meter = BorderMeter(portrait, BOX)
    frame = portrait.copy()
    cast = np.array([10, 0, 0])  # red, up to the very edge
    frame[BOX.slices] = np.clip(frame[BOX.slices] + cast, 0, 255)
    frame[0, :7] = 255 - frame[0, :7]
    meter.add(portrait)
    meter.add(frame)
    meter.add(portrait)  # the worst frame counts, not the last
    assert meter.worst_seam == pytest.approx(10 / 3, abs=0.3)
    assert meter.worst_delta_e is not None
    assert 2 < meter.worst_delta_e < 12
    assert meter.worst_outside_share == 7 / (480 * 640 - 200 * 300)


def test_a_box_that_fills_the_picture_has_no_border(portrait: Frame) -> None:
    meter = BorderMeter(portrait, Box(x0=0, y0=0, x1=480, y1=640))
    meter.add(portrait)
    assert meter.worst_delta_e is None
    assert meter.worst_seam is None
    assert meter.worst_outside_share is None


def test_a_mask_moves_the_border_into_the_box(portrait: Frame) -> None:
    rows, columns = np.mgrid[:300, :200]
    disc = np.hypot(rows - 150, columns - 100) < 80
    meter = BorderMeter(portrait, BOX, disc)
    frame = portrait.copy()
    frame[BOX.slices][disc] = 255 - frame[BOX.slices][disc]
    meter.add(frame)
    assert meter.worst_seam is not None
    assert meter.worst_seam > 20
    tidy = BorderMeter(portrait, BOX, disc)
    calm = portrait.copy()
    core = np.hypot(rows - 150, columns - 100) < 60  # clear of the ring
    calm[BOX.slices][core] = 255 - calm[BOX.slices][core]
    tidy.add(calm)
    assert (tidy.worst_delta_e, tidy.worst_seam, tidy.worst_outside_share) == (0.0, 0.0, 0.0)


def written(path: Path, form: VideoFormat, fps: Fraction, count: int = 20) -> Path:
    with FrameEncoder(
        path, EncoderSettings(width_px=48, height_px=32, rate_fps=fps, form=form)
    ) as encoder:
        for place in range(count):
            encoder.write(np.full((32, 48, 3), 10 * place, np.uint8))
    return path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(15)])
def test_files_are_timed_by_their_own_clocks(
    tmp_path: Path, form: VideoFormat, fps: Fraction
) -> None:
    path = written(tmp_path / "a", form, fps)
    timing = timing_of(path, form, fps, 20)
    assert timing.frame_count == 20  # no two of them are alike
    # A GIF counts hundredths of a second, a WebP thousandths, our MP4 is exact.
    tick_s = {VideoFormat.MP4: 0, VideoFormat.GIF: 0.01, VideoFormat.WEBP: 0.001}[form]
    assert timing.worst_offset_s <= tick_s
    assert float(timing.rate_fps) == pytest.approx(float(fps), rel=0.02 if tick_s else 1e-12)
    if form is VideoFormat.MP4:
        assert timing.rate_fps == fps


@pytest.mark.parametrize("form", [VideoFormat.GIF, VideoFormat.WEBP])
def test_an_independent_reader_agrees(tmp_path: Path, form: VideoFormat) -> None:
    path = written(tmp_path / "a", form, Fraction(24))
    with Image.open(path) as image:
        durations = []
        for page in ImageSequence.Iterator(image):
            page.load()
            durations.append(page.info["duration"])
    measured = timing_of(path, form, Fraction(24), 20)
    assert measured.frame_count == len(durations)
    assert measured.rate_fps == Fraction(1000 * 20, sum(durations))


def test_a_wrong_rate_is_seen(tmp_path: Path) -> None:
    path = written(tmp_path / "a", VideoFormat.MP4, Fraction(25))
    timing = timing_of(path, VideoFormat.MP4, Fraction(30), 20)
    assert timing.rate_fps == 25
    assert float(timing.worst_offset_s) > 0.01


def test_a_meter_without_frames_refuses(portrait: Frame, tmp_path: Path) -> None:
    meter = QualityMeter(portrait, BOX)
    clipless = MotionTemplate(motion=Sway(fps=Fraction(25), frame_count=1))
    with pytest.raises(ValueError, match="without frames"):
        meter.report(tmp_path, VideoFormat.MP4, Fraction(25), clipless, ())
