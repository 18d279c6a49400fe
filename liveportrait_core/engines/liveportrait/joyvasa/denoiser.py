"""The network that guesses clean motion from noisy motion and sound. joyvasa.md, section 3.

Module names are the checkpoint's, so that its keys load as they are.
"""

from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveportrait_core.engines.liveportrait.joyvasa.schedule import sinusoid

HEADS = 8
LAYER_NORM_EPSILON = 1e-5
MOTION_WIDTH = 70
FEED_FORWARD_RATIO = 4
MOST_STEPS = 500
"""Of a schedule: rows of the table of steps, whatever a checkpoint's own number is."""


class PositionTable(StrEnum):
    """How token positions enter; a property of the weights, decided when they were trained."""

    CONSTANT = "constant"  # one row for all tokens: weights from before December 2025
    INDEXED = "indexed"  # one row a token


class DecoderLayer(nn.Module):
    """Self-attention over all tokens, what is heard, feed-forward; each added, then normalised."""

    def __init__(self, width: int) -> None:
        """Take the feature width."""
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.linear1 = nn.Linear(width, FEED_FORWARD_RATIO * width)
        self.linear2 = nn.Linear(FEED_FORWARD_RATIO * width, width)
        self.norm1 = nn.LayerNorm(width, eps=LAYER_NORM_EPSILON)
        self.norm2 = nn.LayerNorm(width, eps=LAYER_NORM_EPSILON)
        self.norm3 = nn.LayerNorm(width, eps=LAYER_NORM_EPSILON)

    def listen(self, sound: Tensor) -> Tensor:
        """Cross-attention, B×S×d → B×S×d. Exact, and the same in every step of a window.

        Each token sees its own frame of the sound alone, so the softmax is over one value and
        queries and keys have no effect: values and the output projection are all that is left.
        """
        attention = self.multihead_attn
        _, _, weight = attention.in_proj_weight.chunk(3)
        _, _, bias = attention.in_proj_bias.chunk(3)
        heard: Tensor = attention.out_proj(functional.linear(sound, weight, bias))
        return heard

    def forward(self, tokens: Tensor, heard: Tensor) -> Tensor:
        """B×S×d and what `listen` gave → B×S×d."""
        attended, _ = self.self_attn(tokens, tokens, tokens, need_weights=False)
        tokens = self.norm1(tokens + attended)
        tokens = self.norm2(tokens + heard)
        expanded = functional.gelu(self.linear1(tokens))
        result: Tensor = self.norm3(tokens + self.linear2(expanded))
        return result


class Denoiser(nn.Module):
    """Keys of `denoising_net.`, without its three buffers."""

    def __init__(self, *, width: int, layers: int, positions: PositionTable) -> None:
        """Take what the shapes of a checkpoint tell, and how positions enter."""
        super().__init__()
        self.diff_step_map = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )
        self.feature_proj = nn.Linear(MOTION_WIDTH, width)
        self.transformer = nn.Module()
        self.transformer.layers = nn.ModuleList(DecoderLayer(width) for _ in range(layers))
        self.motion_dec = nn.Sequential(
            nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, MOTION_WIDTH)
        )
        self.positions = positions
        self.register_buffer("step_table", sinusoid(MOST_STEPS + 1, width), persistent=False)

    @property
    def layers(self) -> list[DecoderLayer]:
        """In their order."""
        return list(self.transformer.layers)  # type: ignore[arg-type]

    def listen(self, sound: Tensor) -> list[Tensor]:
        """Return what every layer hears of previous and present sound, B×S×d each."""
        return [layer.listen(sound) for layer in self.layers]

    def step_embedding(self, steps: Tensor) -> Tensor:
        """B integers 1…T → B×1×d."""
        embedding: Tensor = self.diff_step_map(self.step_table[steps])  # type: ignore[index]
        return embedding[:, None]

    def tokens(self, motion: Tensor, steps: Tensor) -> Tensor:
        """Return what the first layer is given: B×S×70 → B×S×d."""
        count, width = motion.shape[1], self.feature_proj.out_features
        table = sinusoid(count + 1, width).to(motion)
        rows = table[:count] if self.positions is PositionTable.INDEXED else table[count:]
        embedded: Tensor = self.feature_proj(motion) + rows + self.step_embedding(steps)
        return embedded

    def forward(
        self, previous_motion: Tensor, noisy_motion: Tensor, heard: list[Tensor], steps: Tensor
    ) -> Tensor:
        """Return the guess for all tokens, previous ones first: B×(P+L)×70."""
        tokens = self.tokens(torch.cat([previous_motion, noisy_motion], dim=1), steps)
        for layer, sound in zip(self.layers, heard, strict=True):
            tokens = layer(tokens, sound)
        motion: Tensor = self.motion_dec(tokens)
        return motion
