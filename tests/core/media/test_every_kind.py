"""Every kind of file that may be uploaded, as a table: what is taken, how the rest is refused."""

import mimetypes
from pathlib import Path

import pytest

from liveportrait_core.errors import BadInput
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.pictures.image import read_portrait
from tests.core.media.cases import Case, Refused
from tests.core.media.clips.clip_cases import CLIPS
from tests.core.media.pictures.picture_cases import PICTURES
from tests.core.pictures import assert_like, quarters


def check_refusal(message: BadInput, path: Path, outcome: Refused) -> None:
    assert type(message) is outcome.error, message
    assert path.name in str(message)
    assert outcome.says in str(message)
    assert "accepted: " in str(message)


@pytest.mark.parametrize("case", PICTURES, ids=lambda case: case.name)
def test_a_picture_of_every_kind(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "upload"
    case.make(path)
    if isinstance(case.outcome, Refused):
        with pytest.raises(BadInput) as refusal:
            read_portrait(path, max_dim_px=512)
        check_refusal(refusal.value, path, case.outcome)
        return
    portrait = read_portrait(path, max_dim_px=512)
    assert portrait.pixels.shape == (*reversed(case.outcome.size), 3)
    assert portrait.warnings == case.outcome.warnings
    named = path.rename(path.with_suffix(mimetypes.guess_extension(case.outcome.kind) or ""))
    assert read_portrait(named, max_dim_px=512).warnings == case.outcome.warnings
    if case.outcome.tolerance is not None:
        assert_like(portrait.pixels, quarters(), case.outcome.tolerance)


@pytest.mark.parametrize("case", CLIPS, ids=lambda case: case.name)
def test_a_clip_of_every_kind(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "upload"
    case.make(path)
    if isinstance(case.outcome, Refused):
        with pytest.raises(BadInput) as refusal:
            probe(path, 10)
        check_refusal(refusal.value, path, case.outcome)
        return
    clip = probe(path, 10)
    assert clip.codec == case.outcome.kind
    assert clip.warnings == case.outcome.warnings
    with FrameReader(clip, max_side_px=None) as reader:
        frames = list(reader)
    assert {frame.shape for frame in frames} == {(*reversed(case.outcome.size), 3)}
    assert abs(len(frames) - clip.expected_frames) <= 1
