"""From sound to what the mouth does: a reader that needs no weights.

Loudness, spectra and rules; the mouth plainly belongs to the voice and cannot be lip-read. Its
limits and figures: docs/understand/talk.md.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from liveportrait_core.speech.activity import voiced_rows
from liveportrait_core.speech.articulation import articulation
from liveportrait_core.speech.spectrum import power_spectra
from liveportrait_core.speech.track import mouth_track
from liveportrait_core.speech.values import MouthTrack, Speech


class SpeechReader(Protocol):
    """Tells what the mouth does while speech is heard."""

    def read(self, speech: Speech, fps: Fraction, frame_count: int) -> MouthTrack:
        """Give a track of `frame_count` frames, of which frame 0 is shown with sample 0."""
        ...


@dataclass(frozen=True, kw_only=True)
class SoundReader:
    """Reads the sound alone."""

    def read(self, speech: Speech, fps: Fraction, frame_count: int) -> MouthTrack:
        """Give the track of a sound; the same bytes for the same sound.

        Args:
            speech: the sound.
            fps: exact rate of the frames.
            frame_count: how many; those behind the sound's end are at rest.
        """
        powers = power_spectra(speech.samples)
        is_active = voiced_rows(powers)
        return mouth_track(articulation(powers, is_active), is_active, fps, frame_count)
