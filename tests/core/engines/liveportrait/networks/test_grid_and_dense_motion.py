"""Coordinates: where the grid lies, and the exact rewrites of the dense motion network."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liveportrait_core.engines.liveportrait.networks.dense_motion import (
    DenseMotionNetwork,
    motion_heatmaps,
    shifted_volumes,
)
from liveportrait_core.engines.liveportrait.networks.grid import (
    gaussian_heatmaps,
    identity_grid,
    sample_volume,
)

CPU = torch.device("cpu")
SIZE = (3, 4, 5)
sizes = st.tuples(*[st.integers(2, 6)] * 3)
coordinates = st.floats(-1, 1, width=32)


@given(sizes)
def test_the_grid_reaches_from_corner_to_corner_in_the_order_x_y_z(
    size: tuple[int, int, int],
) -> None:
    grid = identity_grid(size, CPU)
    depth, height, width = size
    assert grid.shape == (depth, height, width, 3)
    assert grid[0, 0, 0].tolist() == [-1, -1, -1]
    assert grid[-1, -1, -1].tolist() == [1, 1, 1]
    assert grid[0, 0, -1].tolist() == [1, -1, -1]
    assert grid[0, -1, 0].tolist() == [-1, 1, -1]


def test_sampling_with_the_grid_is_not_the_identity() -> None:
    # The grid's corners are the outer edges for the sampler: half of a border sample is outside.
    volume = torch.ones(1, 1, *SIZE)
    sampled = sample_volume(volume, identity_grid(SIZE, CPU)[None])
    assert sampled[0, 0, 0, 0, 0] == 0.125
    assert sampled[0, 0, 1, 1, 2] == 1


def test_the_border_samples_lie_half_outside_along_one_axis() -> None:
    volume = torch.arange(4.0).expand(1, 1, 3, 4, 4)
    sampled = sample_volume(volume, identity_grid((3, 4, 4), CPU)[None])
    # Column j lies at j·W/(W−1) − ½.
    expected = torch.tensor([0.0, 4 / 3 - 0.5, 8 / 3 - 0.5, 1.5])
    torch.testing.assert_close(sampled[0, 0, 1, 1], expected)


@given(st.tuples(coordinates, coordinates, coordinates))
@settings(max_examples=30)
def test_a_heat_map_is_the_gaussian_of_the_distance(point: tuple[float, float, float]) -> None:
    keypoint = torch.tensor(point)
    heat = gaussian_heatmaps(keypoint[None, None], SIZE, 0.01)[0, 0]
    distance = (identity_grid(SIZE, CPU) - keypoint).square().sum(dim=-1)
    torch.testing.assert_close(heat, torch.exp(-50 * distance))


def test_heat_maps_begin_with_no_motion_and_vanish_without_any() -> None:
    torch.manual_seed(0)
    driving, source = torch.rand(2, 2, 5, 3)
    heatmaps = motion_heatmaps(driving, source, SIZE)
    assert heatmaps.shape == (2, 6, 1, *SIZE)
    assert not heatmaps[:, 0].any()
    assert heatmaps[:, 1:].any()
    assert not motion_heatmaps(source, source, SIZE).any()


def test_volumes_are_sampled_where_each_key_point_says() -> None:
    torch.manual_seed(0)
    volume, shifts = torch.rand(2, 3, *SIZE), torch.rand(2, 5, 3) - 0.5
    grid = identity_grid(SIZE, CPU)
    shifted = shifted_volumes(volume, grid, shifts)
    assert shifted.shape == (2, 6, 3, *SIZE)
    torch.testing.assert_close(shifted[:, 0], sample_volume(volume, grid.expand(2, -1, -1, -1, -1)))
    moved = grid + shifts[:, 3, None, None, None, :]
    torch.testing.assert_close(shifted[:, 4], sample_volume(volume, moved))


def small_network() -> DenseMotionNetwork:
    torch.manual_seed(0)
    return DenseMotionNetwork(
        num_keypoints=5, feature_channels=3, reshape_depth=4, compress=2,
        block_expansion=4, num_blocks=2, max_features=8,
    ).eval()  # fmt: skip


@torch.no_grad()
def test_the_deformation_is_the_masked_sum_of_the_sparse_motions() -> None:
    feature, driving, source = torch.rand(2, 3, 4, 8, 8), torch.rand(2, 5, 3), torch.rand(2, 5, 3)
    motion = small_network()(feature, driving, source)
    grid = identity_grid((4, 8, 8), CPU)
    shifts = torch.cat([torch.zeros(2, 1, 3), source - driving], dim=1)
    sparse = grid + shifts[:, :, None, None, None, :]  # B×6×D×H×W×3
    expected = (motion.mask.unsqueeze(-1) * sparse).sum(dim=1)
    torch.testing.assert_close(motion.deformation, expected)
    torch.testing.assert_close(motion.mask.sum(dim=1), torch.ones(2, 4, 8, 8))
    assert motion.occlusion.shape == (2, 1, 8, 8)


@torch.no_grad()
def test_without_motion_nothing_is_deformed() -> None:
    keypoints = torch.rand(1, 5, 3)
    motion = small_network()(torch.rand(1, 3, 4, 8, 8), keypoints, keypoints)
    assert torch.equal(motion.deformation[0], identity_grid((4, 8, 8), CPU))


@torch.no_grad()
def test_coordinates_stay_float32_in_half_precision() -> None:
    feature, driving, source = torch.rand(1, 3, 4, 8, 8), torch.rand(1, 5, 3), torch.rand(1, 5, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        motion = small_network()(feature, driving, source)
    assert motion.deformation.dtype == torch.float32
    assert motion.mask.dtype == torch.float32
