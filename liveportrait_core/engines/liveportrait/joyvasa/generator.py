"""The motion generator: learned starts, the map of the sound's features, the denoiser.

Its sizes are read from a checkpoint's shapes. joyvasa.md, sections 1 and 3.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.joyvasa.denoiser import (
    MOTION_WIDTH,
    Denoiser,
    PositionTable,
)
from liveportrait_core.engines.liveportrait.joyvasa.schedule import Schedule, cosine_schedule
from liveportrait_core.engines.liveportrait.networks.official import StateDict
from liveportrait_core.errors import CheckpointMismatch

LAYER = "denoising_net.transformer.layers."
BUFFERS = ("denoising_net.alignment_mask", "denoising_net.PE.pe", "denoising_net.TE.pe")
SCHEDULE_PREFIX = "diffusion_sched."
SCHEDULE_TOLERANCE = 1e-5


class MotionGenerator(nn.Module):
    """All of JoyVASA but the encoder of sound."""

    def __init__(
        self,
        *,
        width: int,
        layers: int,
        steps: int,
        previous_frames: int,
        sound_width: int,
        positions: PositionTable,
    ) -> None:
        """Take the sizes: feature width d, layers, T, P, and the encoder's width."""
        super().__init__()
        self.previous_frames = previous_frames
        self.schedule: Schedule = cosine_schedule(steps)
        self.start_motion_feat = nn.Parameter(torch.zeros(1, previous_frames, MOTION_WIDTH))
        self.start_audio_feat = nn.Parameter(torch.zeros(1, previous_frames, width))
        self.null_audio_feat = nn.Parameter(torch.zeros(1, 1, width))
        self.audio_feature_map = nn.Linear(sound_width, width)
        self.denoising_net = Denoiser(width=width, layers=layers, positions=positions)

    @classmethod
    def of(cls, state: StateDict, positions: PositionTable) -> "MotionGenerator":
        """Build the generator that a state dict belongs to, and load it.

        Args:
            state: with the checkpoint's keys; `audio_encoder.` entries are not looked at.
            positions: how the weights were trained.

        Raises:
            CheckpointMismatch: a key is missing or left over, a shape differs, or the schedule
                is not the cosine one.
        """
        own = {key: value for key, value in state.items() if not key.startswith("audio_encoder.")}
        try:
            width, sound_width = own["audio_feature_map.weight"].shape
            generator = cls(
                width=width,
                layers=1
                + max(int(key[len(LAYER) :].partition(".")[0]) for key in own if LAYER in key),
                steps=len(own[SCHEDULE_PREFIX + "betas"]) - 1,
                previous_frames=own["start_motion_feat"].shape[1],
                sound_width=sound_width,
                positions=positions,
            )
        except (KeyError, ValueError) as error:
            raise CheckpointMismatch(f"no motion generator: {error}") from error
        _require_schedule(generator.schedule, own)
        learned = {
            key: value
            for key, value in own.items()
            if key not in BUFFERS and not key.startswith(SCHEDULE_PREFIX)
        }
        try:
            generator.load_state_dict(learned, strict=True, assign=True)
        except RuntimeError as error:
            raise CheckpointMismatch(str(error).replace("\n\t", " ")) from error
        generator.eval().requires_grad_(False)
        return generator

    def sound_features(self, vectors: Tensor) -> Tensor:
        """Map 1×200×768 of the encoder to 1×100×d: means of pairs, which are frames of 25 fps."""
        pairs = (vectors[:, 0::2] + vectors[:, 1::2]) / 2
        features: Tensor = self.audio_feature_map(pairs)
        return features


def _require_schedule(schedule: Schedule, state: Mapping[str, Tensor]) -> None:
    for name, values in (
        ("betas", schedule.betas),
        ("alphas", schedule.alphas),
        ("alpha_bars", schedule.alpha_bars),
        ("sigmas_inflex", schedule.sigmas),
        ("sigmas_flex", schedule.upper_sigmas),
    ):
        own = state.get(SCHEDULE_PREFIX + name)
        if own is None:
            continue
        difference = float((own - values).abs().max())
        if not difference <= SCHEDULE_TOLERANCE:  # NaN fails too
            raise CheckpointMismatch(
                f"{SCHEDULE_PREFIX}{name} is another schedule: {difference:.2g} away from the "
                f"cosine one; accepted: up to {SCHEDULE_TOLERANCE}"
            )
