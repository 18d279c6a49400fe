"""GFPGAN by spandrel's own architecture, on random weights: `make test-refiner`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from liveportrait_core.errors import CheckpointMismatch, MethodNotInstalled
from liveportrait_core.lipsync.gfpgan import PLACE
from liveportrait_core.lipsync.gfpgan.refiner import ALIGNED, SIDE_PX, GfpganRefiner, alignment

_MESH = (468, 473, 1, 61, 291)


def points(scale: float = 0.5, shift: tuple[float, float] = (40, 30)) -> np.ndarray:
    """A face mesh whose five points lie as aligned ones, smaller and moved."""
    mesh = np.zeros((478, 3), np.float32)
    mesh[list(_MESH), :2] = ALIGNED * scale + np.array(shift)
    return mesh


def test_a_face_is_brought_where_the_network_expects_it() -> None:
    matrix = alignment(points())
    np.testing.assert_allclose(matrix, [[2, 0, -80], [0, 2, -60]], atol=1e-3)


def test_without_weights_it_says_where_they_belong(tmp_path: Path) -> None:
    with pytest.raises(MethodNotInstalled, match=r"GFPGANv1\.4\.pth"):
        GfpganRefiner.opened(tmp_path)


@pytest.fixture(scope="module")
def network() -> Any:
    try:
        from spandrel.architectures.GFPGAN import GFPGAN
    except Exception as error:  # a torchvision of another build fails in its own way
        pytest.skip(f"spandrel cannot be imported here: {error}")
    torch.manual_seed(1)
    return GFPGAN(out_size=SIDE_PX, narrow=0.25, channel_multiplier=1)


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (330, 360, 3), np.uint8)


@pytest.mark.refiner
def test_two_runs_give_the_same_bytes(network: Any) -> None:
    refiner = GfpganRefiner(network)
    one, two = (refiner.refine(picture(), points()) for _ in range(2))
    assert one.tobytes() == two.tobytes()
    assert one.shape == (330, 360, 3)


@pytest.mark.refiner
def test_only_the_aligned_square_changes(network: Any) -> None:
    refined = GfpganRefiner(network).refine(picture(), points())
    changed = (refined != picture()).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed[100:200, 100:200].mean() > 0.9
    assert (rows.min() >= 30, rows.max() <= 30 + 256) == (True, True)
    assert (columns.min() >= 40, columns.max() <= 40 + 256) == (True, True)


@pytest.mark.refiner
def test_a_file_of_another_network_is_refused(network: Any, tmp_path: Path) -> None:
    path = tmp_path / PLACE
    path.parent.mkdir()
    path.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointMismatch, match=r"GFPGANv1\.4\.pth"):
        GfpganRefiner.opened(tmp_path)
