"""A sound of every kind becomes the same `Speech`; what is no sound is refused in plain words."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.errors import AudioTooLong, AudioTooShort, AudioUnsupported, BadInput
from liveportrait_core.limits import MAX_AUDIO_BYTES
from liveportrait_core.media.sounds.reading import read_speech
from liveportrait_core.report import RenderWarning
from tests.core.clips import ffmpeg, moving_clip, playlist
from tests.core.sounds import burst, loud_from_to_s, recorded, silence, wav

BURST = burst(1.2, begin_s=0.5, end_s=0.8)
KINDS = {
    "wav, 8 bits, 8 kHz": ("a.wav", "-c:a", "pcm_u8", "-ar", "8000"),
    "wav, 24 bits, 44.1 kHz, stereo": ("a.wav", "-c:a", "pcm_s24le", "-ar", "44100", "-ac", "2"),
    "wav, 11025 Hz": ("a.wav", "-ar", "11025"),
    "mp3": ("a.mp3", "-c:a", "libmp3lame", "-ar", "22050"),
    "m4a": ("a.m4a", "-c:a", "aac", "-ar", "48000", "-ac", "2"),
    "aac without container": ("a.aac", "-c:a", "aac", "-ar", "44100"),
    "ogg vorbis": ("a.ogg", "-c:a", "libvorbis"),
    "ogg opus": ("a.opus", "-c:a", "libopus"),
    "webm opus": ("a.webm", "-c:a", "libopus"),
    "flac, 96 kHz, six channels": ("a.flac", "-ar", "96000", "-ac", "6"),
    "aiff": ("a.aiff",),
    "caf": ("a.caf", "-c:a", "pcm_s16be"),
    "amr": ("a.amr", "-c:a", "libopencore_amrnb", "-ar", "8000"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_sound_is_the_same_speech(tmp_path: Path, kind: str) -> None:
    name, *how = KINDS[kind]
    path = recorded(tmp_path / name, BURST, *how).rename(tmp_path / "upload")
    speech, warnings = read_speech(path)
    assert warnings == ()
    assert float(speech.seconds) == pytest.approx(1.2, abs=0.1)  # codecs fill their last frame
    begins_s, ends_s = loud_from_to_s(speech.samples)
    # AAC without a container cannot say how many samples precede it; the muxer of WebM is 13 ms
    # wrong with Opus.
    assert begins_s == pytest.approx(0.5, abs=0.03 if "aac" in kind else 0.015)
    assert ends_s == pytest.approx(0.8, abs=0.03 if "aac" in kind else 0.015)


@pytest.mark.parametrize("late_s", [0.0, 0.4])
def test_a_clip_s_sound_is_where_players_play_it(tmp_path: Path, late_s: float) -> None:
    sound = wav(tmp_path / "a.wav", burst(0.8, begin_s=0.2, end_s=0.6))
    clip = moving_clip(tmp_path / "silent.mp4", seconds=1.2)
    joined = tmp_path / "clip.mov"
    ffmpeg(
        "-i", str(clip), "-itsoffset", str(late_s), "-i", str(sound), "-c:v", "copy", "-c:a", "aac",
        "-ar", "44100", str(joined),
    )  # fmt: skip
    begins_s, _ = loud_from_to_s(read_speech(joined)[0].samples)
    assert begins_s == pytest.approx(0.2 + late_s, abs=0.012)


def test_decoding_changes_no_sample(tmp_path: Path) -> None:
    """Neither an offset nor clipping is repaired here: what was recorded is what is read."""
    clipped = np.clip(3 * burst(0.4, begin_s=0, end_s=0.4) + 0.3, -1, 1).astype(np.float32)
    assert np.array_equal(read_speech(wav(tmp_path / "a.wav", clipped))[0].samples, clipped)


def no_track(path: Path) -> Path:
    return moving_clip(path.with_suffix(".mp4")).rename(path)


def damaged(path: Path) -> Path:
    return recorded(path.with_suffix(".m4a"), BURST, "-c:a", "aac").rename(path)


def cut_off(path: Path) -> Path:
    whole = recorded(path.with_suffix(".m4a"), BURST, "-c:a", "aac", "-movflags", "+faststart")
    path.write_bytes(whole.read_bytes()[:-2000])
    return path


def text(path: Path) -> Path:
    return playlist(path, "this is no sound at all\n" * 40)


def not_a_number(path: Path) -> Path:
    return wav(path, np.where(BURST > 0.3, np.nan, BURST).astype(np.float32))


def old_codec(path: Path) -> Path:
    return recorded(path.with_suffix(".wav"), BURST, "-c:a", "adpcm_yamaha").rename(path)


def picture(path: Path) -> Path:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path], type[BadInput], str]] = {
    "absent": (lambda path: path, AudioUnsupported, "is no file"),
    "empty": (lambda path: playlist(path, ""), AudioUnsupported, "is empty"),
    "text": (text, AudioUnsupported, "no sound of a known kind"),
    "a picture": (picture, AudioUnsupported, "is a PNG picture"),
    "a playlist": (
        lambda path: playlist(path, "#EXTM3U\n/etc/passwd\n"), AudioUnsupported, "is a playlist",
    ),
    "a silent clip": (no_track, AudioUnsupported, "is a video without a sound track"),
    "cut off": (cut_off, AudioUnsupported, "is cut off"),
    "no numbers": (not_a_number, AudioUnsupported, "samples that are no sound"),
    "an old codec": (old_codec, AudioUnsupported, "is coded in a way that is not read"),
    "0.1 s": (lambda path: wav(path, BURST[8000:9600]), AudioTooShort, "lasts 0.10 s"),
    "3 s of 2": (
        lambda path: wav(path, burst(3, begin_s=1, end_s=3)), AudioTooLong, "lasts 3.0 s",
    ),
    "silence for ever": (lambda path: wav(path, silence(9)), AudioTooLong, "lasts at least 4 s"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_speech_is_refused_in_plain_words(tmp_path: Path, name: str) -> None:
    make, error, says = REFUSED[name]
    make(tmp_path / "upload")
    with pytest.raises(BadInput) as refusal:
        read_speech(tmp_path / "upload", max_seconds=2)
    assert type(refusal.value) is error, refusal.value
    assert "upload" in str(refusal.value)
    assert says in str(refusal.value)
    assert "accepted: " in str(refusal.value)


def test_more_than_50_mb_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.wav").open("wb") as file:
        file.truncate(MAX_AUDIO_BYTES + 1)
    with pytest.raises(AudioTooLong, match=r"has 50\.0 MB; accepted: up to 50 MB"):
        read_speech(tmp_path / "a.wav")


def test_silence_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    hiss = (0.0005 * rng.standard_normal(16000)).astype(np.float32)
    for sound in (silence(1), silence(1) + np.float32(0.2), hiss):
        assert read_speech(wav(tmp_path / "a.wav", sound))[1] == (RenderWarning.AUDIO_SILENT,)


def test_silence_beyond_the_longest_is_left_out(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", burst(3, begin_s=1, end_s=1.5))
    speech, warnings = read_speech(path, max_seconds=2)
    assert (float(speech.seconds), warnings) == (2.0, (RenderWarning.AUDIO_TRIMMED,))
    assert read_speech(path, max_seconds=3)[1] == ()


def test_a_word_without_a_pause_is_no_silence(tmp_path: Path) -> None:
    assert read_speech(wav(tmp_path / "a.wav", burst(0.4, begin_s=0, end_s=0.4)))[1] == ()
