"""The noise schedule of the diffusion: cosine, float32, steps 0…T. joyvasa.md, section 4."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

OFFSET = 0.008
SMALLEST_BETA, LARGEST_BETA = 1e-4, 0.999


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """Row t belongs to step t; row 0 is the clean sample."""

    betas: Tensor  # T+1
    alphas: Tensor  # 1 − β
    alpha_bars: Tensor  # cumulative products of α; 1 at 0
    sigmas: Tensor  # deviation of the noise that step t adds: the posterior's
    upper_sigmas: Tensor  # √β, the upper bound; kept by checkpoints, not used in sampling

    @property
    def steps(self) -> int:
        """T."""
        return len(self.betas) - 1


def cosine_schedule(steps: int) -> Schedule:
    """Compute the schedule of T steps."""
    time = torch.arange(steps + 1, dtype=torch.float32) / steps
    kept = torch.cos((time + OFFSET) / (1 + OFFSET) * (math.pi / 2)) ** 2
    kept = kept / kept[0]
    betas = (1 - kept[1:] / kept[:-1]).clamp(SMALLEST_BETA, LARGEST_BETA)
    betas = torch.cat([torch.zeros(1), betas])
    alphas = 1 - betas
    alpha_bars = torch.exp(torch.cumsum(torch.log(alphas), dim=0))
    before = torch.cat([torch.ones(1), alpha_bars[:-1]])
    sigmas = torch.sqrt((1 - before) / (1 - alpha_bars) * betas)
    sigmas[0] = 0  # 0/0: nothing is added to the clean sample
    return Schedule(
        betas=betas,
        alphas=alphas,
        alpha_bars=alpha_bars,
        sigmas=sigmas,
        upper_sigmas=torch.sqrt(betas),
    )


def sinusoid(rows: int, width: int) -> Tensor:
    """Return the table of positions: rows × width, sines in even and cosines in odd columns."""
    position = torch.arange(rows, dtype=torch.float32)[:, None]
    exponent = torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(1e4) / width)
    # In float64 and rounded once: processors' own float32 exponentials differ in the last bit, and
    # a position of 500 makes 1e-5 of that.
    frequency = torch.exp(exponent.double()).float()
    table = torch.zeros(rows, width)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency)
    return table
