"""Numbers that anyone can draw again: seeds, pictures and summaries of the golden vectors.

See README.md in this folder. Knows no network and no product code.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Mix:
    """How much of another picture's grid a picture is made of: `part` of `whole`."""

    name: str
    part: int
    whole: int


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """A family of random generators, one per name; another prefix is another family."""

    prefix: str = ""

    def rng(self, name: str) -> np.random.Generator:
        """The generator of that name, from its start."""
        digest = hashlib.sha256((self.prefix + name).encode()).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))

    def lattice(
        self, name: str, height: int, width: int, cell: int, *, mix: Mix | None = None
    ) -> NDArray[np.uint8]:
        """A smooth random picture, H×W×3 uint8, made of integers only and so exact everywhere."""
        shape = ((height - 1) // cell + 2, (width - 1) // cell + 2, 3)
        grid = self._grid(name, shape)
        if mix:
            other = self._grid(mix.name, shape)
            grid = (grid * (mix.whole - mix.part) + other * mix.part) // mix.whole
        y, x = np.arange(height)[:, None, None], np.arange(width)[None, :, None]
        cell_y, cell_x = (y // cell)[:, :, 0], (x // cell)[:, :, 0]
        fraction_y, fraction_x = y % cell, x % cell
        blend = (
            grid[cell_y, cell_x] * (cell - fraction_y) * (cell - fraction_x)
            + grid[cell_y, cell_x + 1] * (cell - fraction_y) * fraction_x
            + grid[cell_y + 1, cell_x] * fraction_y * (cell - fraction_x)
            + grid[cell_y + 1, cell_x + 1] * fraction_y * fraction_x
        )
        return ((blend + cell * cell // 2) // (cell * cell)).astype(np.uint8)

    def _grid(self, name: str, shape: tuple[int, int, int]) -> NDArray[np.int64]:
        return self.rng("golden/" + name).integers(0, 256, shape).astype(np.int64)

    def noise(self, name: str, shape: tuple[int, ...], scale: float = 1.0) -> NDArray[np.float32]:
        """Gaussian noise, drawn in float64 and rounded once."""
        return (scale * self.rng("golden/" + name).standard_normal(shape)).astype(np.float32)

    def projections(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Eight random ±1 sums over a whole array: they see what single samples miss."""
        flat = values.reshape(-1)
        sums = []
        for k in range(8):
            signs = self.rng(f"golden/summary/{name}/sign{k}").integers(0, 2, flat.size) * 2 - 1
            sums.append(float(flat @ signs) / flat.size**0.5)
        return np.array(sums)


def block_means(picture: NDArray[np.float32] | NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Means over size×size blocks of an H×W×C array; what is left over at the edges is dropped."""
    height, width = (side // size * size for side in picture.shape[:2])
    blocks = picture[:height, :width].reshape(height // size, size, width // size, size, -1)
    return blocks.mean(axis=(1, 3), dtype=np.float64).astype(np.float32)
