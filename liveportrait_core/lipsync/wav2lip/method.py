"""Wav2Lip as the product uses it: soft at the rim, still where the voice is silent.

wav2lip.md, section 6.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from liveportrait_core.lipsync.base import FaceBox, SyncFrame
from liveportrait_core.lipsync.blending import blended, lower_face
from liveportrait_core.lipsync.wav2lip.mel import (
    WINDOW_COLUMNS,
    at_least_one_window,
    frame_starts,
    mel_spectrogram,
)
from liveportrait_core.lipsync.wav2lip.network import FACE_SIDE, Wav2Lip
from liveportrait_core.lipsync.wav2lip.original import network_input
from liveportrait_core.lipsync.wav2lip.weights import read
from liveportrait_core.report import Frame
from liveportrait_core.speech.methods import RESEARCH_ONLY
from liveportrait_core.speech.values import Speech

BATCH: Final = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class _Cut:
    """A face cut out of its frame."""

    face: NDArray[np.uint8]  # 96×96×3, BGR
    corner: tuple[int, int]
    size: tuple[int, int]  # height, width

    @classmethod
    def of(cls, picture: Frame, box: FaceBox) -> "_Cut":
        """Cut a box, rounded once to whole pixels; beyond the frame its edge is repeated."""
        top, left, bottom, right = (round(side) for side in (box.y0, box.x0, box.y1, box.x1))
        height, width = picture.shape[:2]
        rows = np.clip(np.arange(top, bottom), 0, height - 1)
        columns = np.clip(np.arange(left, right), 0, width - 1)
        crop = picture[rows[:, None], columns]
        face = cv2.resize(crop, (FACE_SIDE, FACE_SIDE))[:, :, ::-1]
        return cls(
            face=np.asarray(face, dtype=np.uint8),
            corner=(top, left),
            size=(bottom - top, right - left),
        )


class Wav2LipMethod:
    """Satisfies `LipSync`."""

    name = "wav2lip"
    licence = RESEARCH_ONLY

    def __init__(self, network: Wav2Lip, *, offset_frames: int = 0) -> None:
        """Take a network with its weights, in eval mode.

        Args:
            network: from `read`.
            offset_frames: −1 pairs sound and frames as training did, 0 as the original's inference.
        """
        self._network = network
        self._offset_frames = offset_frames

    @classmethod
    def opened(cls, folder: Path, *, offset_frames: int = 0) -> "Wav2LipMethod":
        """Load the converted weights of a folder.

        Raises:
            MethodNotInstalled: they are not there.
            CheckpointMismatch: the file holds something else.
        """
        return cls(read(folder), offset_frames=offset_frames)

    def windows(self, speech: Speech, fps: Fraction, frame_count: int) -> NDArray[np.float32]:
        """Return the window of the sound for every frame, N×80×16."""
        mel = at_least_one_window(mel_spectrogram(speech.samples))
        starts = frame_starts(fps, mel.shape[1], frame_count, offset_frames=self._offset_frames)
        every = np.lib.stride_tricks.sliding_window_view(mel, WINDOW_COLUMNS, axis=1)
        return every[:, starts].transpose(1, 0, 2)

    def sync(self, frames: Iterable[SyncFrame]) -> Iterator[Frame]:
        """Give as many frames, changed within the lower face alone.

        A frame without a face, or without a voice, is given back as the same array.
        """
        iterator = iter(frames)
        while batch := list(islice(iterator, BATCH)):
            yield from self._painted(batch)

    def _painted(self, batch: list[SyncFrame]) -> Iterator[Frame]:
        cuts = {
            index: _Cut.of(frame.picture, frame.box)
            for index, frame in enumerate(batch)
            if frame.box is not None and frame.activity > 0
        }
        mouths = iter(self._asked(list(cuts.values()), [batch[index].window for index in cuts]))
        for index, frame in enumerate(batch):
            if index not in cuts:
                yield frame.picture
                continue
            cut, (height, width) = cuts[index], cuts[index].size
            painted = cv2.resize(next(mouths), (width, height)).astype(np.float32)
            weights = np.float32(frame.activity) * lower_face(width, height)
            yield blended(frame.picture, painted, weights, cut.corner)

    def _asked(
        self, cuts: list[_Cut], windows: list[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """Return painted faces, 96×96×3 RGB levels each."""
        if not cuts:
            return []
        faces = network_input(np.stack([cut.face for cut in cuts]))
        mels = np.stack(windows)[:, None]
        with torch.inference_mode():
            painted = self._network(torch.from_numpy(mels), torch.from_numpy(faces))
        levels = painted.numpy().transpose(0, 2, 3, 1)[:, :, :, ::-1] * np.float32(255)
        return list(np.ascontiguousarray(levels))
