"""S and R: small perceptrons that correct key points (liveportrait.md, N5).

What goes in, and what the numbers that come out mean, is the business of
`liveportrait_core.engines.liveportrait.motion.retargeting`.
"""

from torch import Tensor, nn

STITCHING_WIDTHS = (126, 128, 128, 64, 65)  # S: source and driving key points → 63 + 2 offsets
LIP_WIDTHS = (65, 128, 128, 64, 63)  # R: source key points and 2 ratios → 63 offsets
EYE_WIDTHS = (66, 256, 256, 128, 128, 64, 63)  # R: source key points and 3 ratios → 63 offsets


class KeypointPerceptron(nn.Module):
    """Linear layers with ReLU between them, none after the last."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(widths[0], widths[1])]
        for i in range(1, len(widths) - 1):
            layers += [nn.ReLU(), nn.Linear(widths[i], widths[i + 1])]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """B×widths[0] → B×widths[-1]."""
        return self.layers(x)
