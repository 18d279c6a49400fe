"""The judge of finished videos: passes what is right, and names what is not."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.errors import EncodeFailed, ImageUnsupported, VideoUnsupported
from liveportrait_core.inspection import Inspection, contact_sheet, inspect, read_mp4
from liveportrait_core.options import Delivery, RenderOptions, SoundFrom
from liveportrait_core.renderer import Renderer
from liveportrait_core.request import Clip, MotionTemplate, RenderRequest
from tests.core.clips import ffmpeg, moving_clip
from tests.core.swaying import Sway, SwayingEngine, soft_portrait

_BT709 = (
    "scale=out_color_matrix=bt709:out_range=tv,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
)
RIGHT = {
    "-vf": _BT709, "-pix_fmt": "yuv420p", "-c:v": "libx264", "-profile:v": "high",
    "-preset": "slow", "-crf": "18", "-g": "48",
    "-movflags": "+faststart+negative_cts_offsets", "-use_editlist": "0",
}  # fmt: skip
PREVIEW = "rc-lookahead=50:mbtree=1:trellis=1:b-adapt=0"


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return soft_portrait(tmp_path_factory.mktemp("in") / "portrait.png")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    return swayed(tmp_path_factory.mktemp("good") / "good.mp4", portrait)


def swayed(
    path: Path, portrait: Path, *, multiplier: float = 1.0, frames: int = 60, jumps: bool = False
) -> Path:
    renderer = Renderer(SwayingEngine(is_jumping=jumps), reason="a test asks for it")
    sway = Sway(fps=Fraction(24), frame_count=frames)
    options = RenderOptions(driving_multiplier=multiplier)
    renderer.render(
        RenderRequest(
            portrait=portrait, motion=MotionTemplate(motion=sway), output=path, options=options
        )
    )
    return path


def failures(inspection: Inspection) -> set[str]:
    return {check.name for check in inspection.checks if not check.ok}


def test_a_right_video_passes(good: Path, portrait: Path) -> None:
    inspection = inspect(good, portrait)
    assert inspection.ok, failures(inspection)
    assert len(inspection.checks) >= 18
    assert (inspection.width_px, inspection.height_px) == (160, 200)
    assert (inspection.frame_count, inspection.fps) == (60, Fraction(24))
    box = inspection.moving_box
    assert box is not None
    assert box.y1 <= 108  # the upper half moves, give or take a block of the codec


def test_a_still_video_passes_and_is_known_to_be_still(tmp_path: Path, portrait: Path) -> None:
    inspection = inspect(swayed(tmp_path / "a.mp4", portrait, multiplier=0), portrait)
    assert inspection.ok, failures(inspection)
    assert inspection.moving_box is None
    assert inspection.as_json()["moves"] is False


def test_a_loop_that_jumps(tmp_path: Path, portrait: Path) -> None:
    inspection = inspect(swayed(tmp_path / "a.mp4", portrait, jumps=True), portrait)
    assert failures(inspection) == {"loop"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, set()),
        ({"-movflags": "+negative_cts_offsets"}, {"box order"}),
        ({"-use_editlist": "1", "-movflags": "+faststart"}, {"edit list", "start"}),
        ({"-movflags": "+faststart"}, {"start"}),
        ({"-profile:v": "main"}, {"codec", "pixel format"}),
        ({"-pix_fmt": "yuv444p", "-profile:v": "high444"}, {"codec", "pixel format"}),
        ({"-vf": "setparams=colorspace=unknown:color_primaries=unknown:color_trc=unknown"},
         {"colour", "frame 0 is the portrait", "still part"}),  # shown as BT.601, as players do
        ({"-vf": _BT709.replace("range=tv", "range=pc"), "-pix_fmt": "yuvj420p"}, {"colour"}),
        ({"-crf": "24"}, {"encoder"}),
        ({"-preset": "veryfast"}, {"encoder"}),
        ({"-g": "250"}, {"key frames"}),
        ({"-x264-params": "open-gop=1"}, {"encoder"}),
        ({"-preset": "superfast", "-x264-params": PREVIEW}, set()),
        ({"-preset": "superfast", "-x264-params": f"{PREVIEW}:subme=4"}, {"encoder"}),
        ({"-x264-params": "subme=6"}, {"encoder"}),  # neither one nor the other
        ({"-vf": f"{_BT709},settb=1/90000,setpts=PTS+3000*gt(N\\,9)", "-fps_mode": "vfr",
          "-enc_time_base": "1/90000"}, {"constant rate", "decodable"}),
        ({"-vf": f"setpts=PTS/2,fps=48,{_BT709}"}, {"rate", "decodable"}),
        ({"-vf": f"crop=158:200:0:0,{_BT709}"}, {"size"}),
        ({"-vf": f"format=yuv444p,crop=157:199:0:0:exact=1,{_BT709}", "-pix_fmt": "yuv444p",
          "-profile:v": "high444"}, {"codec", "pixel format", "even sides", "size"}),
        ({"-vf": f"scroll=hpos=0.02,{_BT709}"}, {"frame 0 is the portrait", "still part"}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    tmp_path: Path, good: Path, portrait: Path, change: dict[str, str], named: set[str]
) -> None:
    how = [word for pair in (RIGHT | change).items() for word in pair]
    ffmpeg("-i", str(good), *how, str(tmp_path / "a.mp4"))
    found = failures(inspect(tmp_path / "a.mp4", portrait))
    assert found - {"loop"} == named  # a second encoding may cost the loop


def test_sound_is_named(tmp_path: Path, good: Path, portrait: Path) -> None:
    how = [word for pair in RIGHT.items() for word in pair]
    ffmpeg("-i", str(good), "-f", "lavfi", "-t", "2", "-i", "sine", *how, str(tmp_path / "a.mp4"))
    assert "tracks" in failures(inspect(tmp_path / "a.mp4", portrait))


def test_sound_that_was_asked_for_is_right(tmp_path: Path, portrait: Path) -> None:
    clip = moving_clip(tmp_path / "silent.mp4", rate="24", seconds=2)
    talking = tmp_path / "talking.mp4"
    ffmpeg("-i", str(clip), "-f", "lavfi", "-t", "2", "-i", "sine", "-c:v", "copy", str(talking))
    renderer = Renderer(SwayingEngine(), reason="a test asks for it")
    request = RenderRequest(
        portrait=portrait,
        motion=Clip(path=talking),
        output=tmp_path / "a.mp4",
        delivery=Delivery(sound=SoundFrom.DRIVING),
    )
    renderer.render(request)
    inspection = inspect(request.output, portrait, talking, with_sound=True)
    assert inspection.ok, failures(inspection)
    assert failures(inspect(request.output, portrait)) == {"tracks", "edit list"}


def test_sound_that_was_asked_for_must_be_there(good: Path, portrait: Path) -> None:
    assert failures(inspect(good, portrait, with_sound=True)) == {"tracks", "edit list"}


def test_another_portrait_is_noticed(tmp_path: Path, good: Path) -> None:
    other = Image.effect_noise((160, 200), 90).convert("RGB")
    other.save(tmp_path / "other.png")
    named = failures(inspect(good, tmp_path / "other.png"))
    assert {"frame 0 is the portrait", "still part"} <= named


def test_a_background_that_breathes_is_noticed(tmp_path: Path, good: Path, portrait: Path) -> None:
    dim = f"lutrgb=r='val-4':g='val-4':b='val-4':enable='gt(n,20)',{_BT709}"
    how = [word for pair in (RIGHT | {"-vf": dim}).items() for word in pair]
    ffmpeg("-i", str(good), *how, str(tmp_path / "a.mp4"))
    assert "still part" in failures(inspect(tmp_path / "a.mp4", portrait))


def test_the_driving_clip_gives_rate_and_length(tmp_path: Path, good: Path, portrait: Path) -> None:
    fitting = moving_clip(tmp_path / "fitting.mp4", rate="24", seconds=2.5)
    assert inspect(good, portrait, fitting).ok
    faster = moving_clip(tmp_path / "faster.mp4", rate="30", seconds=2.5)
    assert failures(inspect(good, portrait, faster)) == {"rate of the driving clip"}
    shorter = moving_clip(tmp_path / "shorter.mp4", rate="24", seconds=1.5)
    assert failures(inspect(good, portrait, shorter)) == {"frames of the driving clip"}


def test_a_longer_video_than_was_asked_for(good: Path, portrait: Path) -> None:
    assert failures(inspect(good, portrait, max_seconds=2.0)) == {"duration"}


def test_what_is_no_video_or_no_portrait(tmp_path: Path, good: Path, portrait: Path) -> None:
    (tmp_path / "text.mp4").write_text("a letter")
    moving_clip(tmp_path / "video.webm", "-c:v", "libvpx")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=duration=1", "-c:v", "mpeg4", str(tmp_path / "old.mp4"))
    for name in ("text.mp4", "video.webm", "old.mp4", "absent.mp4"):
        with pytest.raises(VideoUnsupported, match="accepted: "):
            inspect(tmp_path / name, portrait)
    with pytest.raises(ImageUnsupported):
        inspect(good, good)


@given(data=st.data())
def test_scratched_boxes_never_crash_the_reader(
    good: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(good.read_bytes()[: data.draw(st.integers(0, 6000))])
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "scratched.mp4"
    path.write_bytes(content)
    try:
        facts = read_mp4(path)
    except VideoUnsupported:
        return
    assert len(facts.times) == len(facts.deltas)


def test_the_contact_sheet_shows_what_happened(tmp_path: Path, good: Path, portrait: Path) -> None:
    driving = moving_clip(tmp_path / "driving.mp4", rate="24", seconds=2)
    inspection = inspect(good, portrait)
    sheets = []
    for name, clip in (("with", driving), ("without", None)):
        contact_sheet(good, portrait, tmp_path / f"{name}.png", inspection, driving=clip)
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.format == "PNG"
            sheets.append(np.asarray(image.convert("RGB")))
    assert sheets[0].shape[0] > sheets[1].shape[0] + 100  # one row more
    is_pattern = np.ptp(sheets[0].astype(int), axis=2) > 200  # the test clip's pure colours
    assert is_pattern.any(1).sum() > 100
    assert not (np.ptp(sheets[1].astype(int), axis=2) > 200).any()


def test_a_contact_sheet_that_cannot_be_written(tmp_path: Path, good: Path, portrait: Path) -> None:
    with pytest.raises(EncodeFailed, match=r"a\.png cannot be written"):
        contact_sheet(good, portrait, tmp_path / "nowhere" / "a.png", inspect(good, portrait))


def test_memory_stays_small_for_a_long_video(tmp_path: Path, portrait: Path) -> None:
    """240 frames of 160x200 are 23 MB as decoded and must not be held."""
    long = swayed(tmp_path / "a.mp4", portrait, frames=240)
    program = (
        "import resource, sys; from pathlib import Path;"
        "from liveportrait_core.inspection import inspect;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "assert inspect(Path(sys.argv[1]), Path(sys.argv[2])).ok;"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, long, portrait], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 20
