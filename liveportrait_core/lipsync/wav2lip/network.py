"""The network: a face whose lower half is hidden, and a window of sound, give the whole face.

wav2lip.md, section 4. Module names are the checkpoint's.
"""

import torch
from torch import Tensor, nn

FACE_SIDE = 96


class Block(nn.Module):
    """Convolution, batch norm, ReLU; a residual is added before the ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int | tuple[int, int] = 1,
        padding: int = 0,
        *,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.BatchNorm2d(outputs)
        )
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """B×C×H×W → B×C'×H'×W'."""
        out: Tensor = self.conv_block(x)
        return torch.relu(out + x if self.residual else out)


class Enlarging(nn.Module):
    """Transposed convolution, batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, padding: int, output_padding: int
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 3, stride, padding, output_padding),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """B×C×H×W → B×C'×2H×2W; from 1×1 to 3×3."""
        return torch.relu(self.conv_block(x))


def _same(channels: int, count: int) -> list[nn.Module]:
    return [Block(channels, channels, 3, 1, 1, residual=True) for _ in range(count)]


def _face_encoder() -> nn.ModuleList:
    halving = [(16, 32, 2), (32, 64, 3), (64, 128, 2), (128, 256, 2), (256, 512, 1)]
    return nn.ModuleList(
        [
            nn.Sequential(Block(6, 16, 7, 1, 3)),
            *(nn.Sequential(Block(i, o, 3, 2, 1), *_same(o, n)) for i, o, n in halving),
            nn.Sequential(Block(512, 512, 3), Block(512, 512, 1)),
        ]
    )


def _audio_encoder() -> nn.Sequential:
    return nn.Sequential(
        Block(1, 32, 3, 1, 1),
        *_same(32, 2),
        Block(32, 64, 3, (3, 1), 1),
        *_same(64, 2),
        Block(64, 128, 3, 3, 1),
        *_same(128, 2),
        Block(128, 256, 3, (3, 2), 1),
        *_same(256, 1),
        Block(256, 512, 3),
        Block(512, 512, 1),
    )


def _face_decoder() -> nn.ModuleList:
    doubling = [(1024, 512), (768, 384), (512, 256), (320, 128), (160, 64)]
    return nn.ModuleList(
        [
            nn.Sequential(Block(512, 512, 1)),
            nn.Sequential(Enlarging(1024, 512, 1, 0, 0), *_same(512, 1)),
            *(nn.Sequential(Enlarging(i, o, 2, 1, 1), *_same(o, 2)) for i, o in doubling),
        ]
    )


class Wav2Lip(nn.Module):
    """36,298,035 parameters in 352 keys."""

    def __init__(self) -> None:
        """Build it, without learned weights."""
        super().__init__()
        self.face_encoder_blocks = _face_encoder()
        self.audio_encoder = _audio_encoder()
        self.face_decoder_blocks = _face_decoder()
        self.output_block = nn.Sequential(Block(80, 32, 3, 1, 1), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        """Paint faces.

        Args:
            mel: B×1×80×16.
            face: B×6×96×96 in 0…1, BGR: the face with rows 48…95 zero, then the whole face.

        Returns:
            B×3×96×96 in 0…1, BGR.
        """
        skipped = []
        for block in self.face_encoder_blocks:
            face = block(face)
            skipped.append(face)
        x: Tensor = self.audio_encoder(mel)
        for block in self.face_decoder_blocks:
            x = torch.cat([block(x), skipped.pop()], dim=1)
        painted: Tensor = self.output_block(x)
        return painted
