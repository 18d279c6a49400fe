"""Key-framed edits: a motion that is written by hand."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.edit import REST, PortraitEdit
from liveportrait_core.edit_sequence import EditSequence, read_edit_sequence
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.errors import InvalidOption
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.request import RenderRequest
from tests.core.cli.test_render import render

SMILE = PortraitEdit(smile=1.0)


def sequence(*keys: tuple[int, PortraitEdit], fps: int = 25) -> EditSequence:
    return EditSequence(fps=Fraction(fps), keys=keys)


def test_between_keys_the_sliders_are_eased_and_meet_them() -> None:
    made = sequence((0, REST), (10, SMILE), (14, PortraitEdit(smile=1.0, yaw=8)))
    edits = list(made.edits())
    smiles = np.array([edit.smile for edit in edits])
    assert len(edits) == made.frame_count == 15
    assert (edits[0], edits[10], edits[14]) == (REST, SMILE, PortraitEdit(smile=1.0, yaw=8))
    assert (np.diff(smiles) >= 0).all()
    assert smiles[5] == 0.5
    assert smiles[1] < 0.05  # it sets off slowly
    assert made.uses == PortraitEdit(smile=1.0, yaw=8)


@pytest.mark.parametrize("fps", ["25", "30000/1001", "12.5"])
def test_what_is_written_is_read(tmp_path: Path, fps: str) -> None:
    keys = ((0, PortraitEdit(eyes_open=0.3)), (10, PortraitEdit(eyes_open=0.1, gaze_x=-4.25)))
    made = EditSequence(fps=Fraction(fps), keys=keys)
    (tmp_path / "edits.json").write_text(made.as_json())
    assert read_edit_sequence(tmp_path / "edits.json") == made


def test_a_file_becomes_a_video_that_ends_with_its_last_edit(
    tmp_path: Path, portrait: Path
) -> None:
    file, video = tmp_path / "edits.json", tmp_path / "a.mp4"
    keys = [{"frame": 0, "edit": {}}, {"frame": 12, "edit": {"winkLeft": 30, "gazeX": 4}}]
    file.write_text(json.dumps({"fps": 24, "keys": keys}))
    words = ("--engine", "mesh", "--poster", tmp_path / "p.jpg")
    assert render(portrait, file, "-o", video, *words) == 0
    with FrameReader(probe(video, 10.0), max_side_px=None) as reader:
        frames = [frame.astype(int) for frame in reader]
    assert len(frames) == 13
    engine = MeshEngine()
    prepared = engine.prepare(frames[0].astype(np.uint8), RenderOptions())
    eye = prepared.eyes[0].slit.centre
    rows, columns = (slice(round(place) - 9, round(place) + 9) for place in eye[::-1])
    changes = [np.abs(frame - frames[0])[rows, columns].mean() for frame in frames]
    assert changes[-1] > 10
    assert changes[-1] > changes[6] > changes[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "holds no key-framed edits"),
        ("[]", "accepted: "),
        ('{"keys": [{"frame": 0}]}', "two or more"),
        ('{"keys": [{"frame": 1}, {"frame": 2}]}', r"frames \[1, 2\]; accepted: two or more"),
        ('{"keys": [{"frame": 0}, {"frame": 0}]}', "ascending from 0"),
        ('{"keys": [{"frame": 0}, {"frame": 99999}]}', "accepted: below 3600"),
        ('{"fps": 0, "keys": [{"frame": 0}, {"frame": 9}]}', "fps is 0; accepted: 1 to 60"),
        ('{"fps": "x", "keys": [{"frame": 0}, {"frame": 9}]}', "fps is 'x'; accepted: 1 to 60"),
        ('{"fps": "2e1", "keys": [{"frame": 0}, {"frame": 9}]}', "fps is '2e1'; accepted"),
        ('{"keys": [{"frame": 0}, {"frame": 9, "edit": {"smyle": 1}}]}', "frame 9, .*unknown"),
        ('{"keys": [{"frame": 0}, {"frame": 9, "edit": {"smile": 9}}]}', "beyond its slider"),
        ('{"keys": [{"frame": 0}, {"frame": 9, "edit": {"eyesOpen": 0.1}}]}', "in every key, or"),
        ('{"keys": [{"frame": 0}, 7]}', "a key is 7"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "edits.json"
    file.write_text(text)
    with pytest.raises(InvalidOption, match=message):
        read_edit_sequence(file)


def test_edits_move_pictures_and_are_given_once(tmp_path: Path, portrait: Path) -> None:
    renderer = Renderer(MeshEngine(), reason="test")
    twice = RenderRequest(
        portrait=portrait,
        motion=sequence((0, REST), (9, SMILE)),
        output=tmp_path / "a.mp4",
        options=RenderOptions(edit=SMILE),
    )
    with pytest.raises(InvalidOption, match="accepted: one of the two"):
        renderer.render(twice)
    assert list(tmp_path.iterdir()) == []
