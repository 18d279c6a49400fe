"""`lipsync`: the clip's own frames, but for the lower face where a voice is heard."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from liveportrait_core.__main__ import main
from liveportrait_core.errors import InvalidOption, VideoNoFace
from liveportrait_core.lipsync.wav2lip import PLACE
from liveportrait_core.lipsync.wav2lip.method import Wav2LipMethod
from liveportrait_core.lipsync.wav2lip.network import Wav2Lip
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import has_sound, probe
from liveportrait_core.pipeline.lipsync import ClipSync, LipSyncRequest, SyncedVideo
from tests.core.clips import ffmpeg, moving_clip
from tests.core.sounds import burst, silence, wav

PORTRAIT = Path(__file__).parents[3] / "emulator" / "seed" / "grace_hopper.jpg"
FPS = 12


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of a face that stands still, but for four frames in which there is none."""
    path = tmp_path_factory.mktemp("clip") / "face.mp4"
    hidden = r"drawbox=x=0:y=0:w=iw:h=ih:color=gray:t=fill:enable=between(n\,8\,11)"
    ffmpeg(
        "-loop", "1", "-framerate", str(FPS), "-i", str(PORTRAIT), "-frames:v", str(FPS),
        "-vf", f"scale=240:-2,{hidden}", "-c:v", "libx264", "-crf", "10", "-pix_fmt", "yuv420p",
        str(path),
    )  # fmt: skip
    return path


def frames(path: Path) -> np.ndarray:
    with FrameReader(probe(path, 10), max_side_px=None) as reader:
        return np.stack(list(reader)).astype(int)


def synced(clip: Path, sound: Path, output: Path, *, repeat: bool = False) -> SyncedVideo:
    torch.manual_seed(1)
    method = Wav2LipMethod(Wav2Lip().eval().requires_grad_(False))
    request = LipSyncRequest(clip=clip, sound=sound, output=output, repeat=repeat)
    return ClipSync(method).sync(request)


def test_only_the_lower_face_changes_and_only_while_a_voice_is_heard(
    clip: Path, tmp_path: Path
) -> None:
    sound = wav(tmp_path / "burst.wav", burst(1, begin_s=0.25, end_s=1.0))
    made = synced(clip, sound, tmp_path / "out.mp4")
    silent = synced(clip, wav(tmp_path / "silence.wav", silence(1)), tmp_path / "silent.mp4")
    assert (made.frame_count, made.frames_without_face) == (FPS, 4)
    assert (made.method, made.licence) == ("wav2lip", "research only")
    assert (made.has_speech, silent.has_speech) == (True, False)
    assert has_sound(tmp_path / "out.mp4")
    apart = np.abs(frames(tmp_path / "out.mp4") - frames(tmp_path / "silent.mp4")).max(axis=3)
    moved = apart.max(axis=(1, 2)) > 40
    assert moved[4:8].all()  # the voice, after its attack
    assert not moved[[0, 1]].any()  # before it
    assert not moved[9:].any()  # no face
    rows, columns = np.nonzero(apart[6] > 40)
    height, width = apart.shape[1:]
    assert 0.2 * height < rows.min() < rows.max() < 0.8 * height
    assert 0.2 * width < columns.min() < columns.max() < 0.8 * width


def test_a_clip_shorter_than_its_sound_is_refused_or_repeated(clip: Path, tmp_path: Path) -> None:
    sound = wav(tmp_path / "long.wav", silence(1.5))
    output = tmp_path / "out.mp4"
    with pytest.raises(InvalidOption, match=r"12 frames.*18 of them.*repeat"):
        synced(clip, sound, output)
    assert not output.exists()
    synced(clip, sound, output, repeat=True)
    again = frames(output)
    assert len(again) == 18
    assert np.abs(again[12:] - again[:6]).mean() < 3


def test_a_clip_without_a_face_is_refused(tmp_path: Path) -> None:
    clip = moving_clip(tmp_path / "pattern.mp4", rate="12")
    with pytest.raises(VideoNoFace, match="12 frames"):
        synced(clip, wav(tmp_path / "s.wav", silence(1)), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_the_command_asks_for_weights_then_for_their_licence(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound, output = wav(tmp_path / "s.wav", silence(0.5)), tmp_path / "out.mp4"
    command = [
        "lipsync", str(clip), str(sound), "-o", str(output), "--weights", str(tmp_path),
    ]  # fmt: skip
    assert main(command) == 2
    assert "METHOD_NOT_INSTALLED" in (said := capsys.readouterr().err)
    assert "weights convert wav2lip" in said
    (tmp_path / PLACE).parent.mkdir()
    save_file(Wav2Lip().state_dict(), tmp_path / PLACE)
    assert main(command) == 2
    assert "METHOD_NOT_LICENSED" in (said := capsys.readouterr().err)
    assert "research only" in said
    assert not output.exists()
    assert main([*command, "--accept-research-only-licence"]) == 0
    assert "by wav2lip (research only)" in capsys.readouterr().out
    assert output.exists()
