"""Faults in how a sound is read, and in what a mouth does while it is heard."""

from tests.mutants.mutant import Mutant

_READING = ("tests/core/media/sounds/test_reading.py",)
_READER = ("tests/core/speech/test_reader.py",)
_VISEMES = ("tests/core/speech/test_visemes.py",)

MUTANTS = (
    Mutant(
        name="sound-that-begins-late-is-moved",
        file="liveportrait_core/media/sounds/opening.py",
        old='"async=1:first_pts=0"',
        new='"async=1"',
        why="Sample 0 is the beginning of the file, as players show it (talk.md).",
        tests=_READING,
    ),
    Mutant(
        name="speech-cut-in-the-middle",
        file="liveportrait_core/media/sounds/reading.py",
        old="if is_whole and is_silent(Speech(samples=samples), from_sample=most):",
        new="if is_whole:",
        why="Only silence is left out; longer speech is refused (talk.md).",
        tests=_READING,
    ),
    Mutant(
        name="noise-is-a-voice",
        file="liveportrait_core/speech/voice/activity.py",
        old="return max(float(floor) + _ABOVE_FLOOR_DB, _QUIETEST_DB, float(loud) - _RANGE_DB)",
        new="return float(loud) - _RANGE_DB",
        why="Silence in, idle out: a background moves nothing (talk.md).",
        tests=_READER,
    ),
    Mutant(
        name="lips-behind-the-sound",
        file="liveportrait_core/speech/track.py",
        old="LEAD_S: Final = 0.080",
        new="LEAD_S: Final = -0.080",
        why="Lips are ahead of what is heard (talk.md).",
        tests=(*_READER, *_VISEMES),
    ),
    Mutant(
        name="closures-of-one-frame",
        file="liveportrait_core/speech/track.py",
        old="_LEAST_CLOSED_FRAMES: Final = 2",
        new="_LEAST_CLOSED_FRAMES: Final = 1",
        why="A closure is seen for two frames at least (talk.md).",
        tests=_READER,
    ),
    Mutant(
        name="a-mouth-that-is-open-at-the-cut",
        file="liveportrait_core/speech/track.py",
        old="return np.minimum(heard, _eased(ends))",
        new="return heard",
        why="The first and the last frame are the idle's (talk.md).",
        tests=_READER,
    ),
    Mutant(
        name="a-mouth-that-snaps-open",
        file="liveportrait_core/speech/track.py",
        old="shown = min(opening[frame] * activity[frame], shown + most)",
        new="shown = opening[frame] * activity[frame]",
        why="It opens no faster than in 80 ms (talk.md).",
        tests=_READER,
    ),
    Mutant(
        name="visemes-without-a-voice",
        file="liveportrait_core/speech/visemes.py",
        old="is_spoken & _around(heard)",
        new="is_spoken",
        why="Where no voice is heard, visemes move nothing (talk.md).",
        tests=_VISEMES,
    ),
)
