"""Paste-back in the box equals the full-frame blend, bit for bit, and touches nothing outside."""

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.networks import CROP_PX
from liveportrait_core.engines.liveportrait.source.paste_back import PasteBack, crop_mask
from liveportrait_core.report import Frame

RNG = np.random.default_rng(5)
CROP = RNG.integers(0, 256, (CROP_PX, CROP_PX, 3), dtype=np.uint8)


def matrix(scale: float, angle_rad: float, x: float, y: float) -> NDArray[np.float32]:
    """From the crop to a portrait in which its middle lies at (x, y)."""
    cos, sin = scale * math.cos(angle_rad), scale * math.sin(angle_rad)
    half = CROP_PX / 2
    return np.array(
        [
            [cos, -sin, x - half * (cos - sin)],
            [sin, cos, y - half * (sin + cos)],
            [0, 0, 1],
        ],
        dtype=np.float32,
    )


def blended_in_full(portrait: Frame, crop: Frame, to_original: NDArray[np.float32]) -> Frame:
    """The whole frame in float32, as the original does it."""
    height, width = portrait.shape[:2]
    grey = np.repeat(crop_mask()[..., None], 3, axis=2)
    mask = cv2.warpAffine(grey, to_original[:2], (width, height)).astype(np.float32) / 255
    warped = cv2.warpAffine(crop, to_original[:2], (width, height))
    return np.clip(mask * warped + (1 - mask) * portrait, 0, 255).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(40, 420),
    width=st.integers(40, 420),
    scale=st.floats(0.1, 2.5),
    angle_rad=st.floats(-3.2, 3.2),
    along=st.floats(0.05, 0.95),
    down=st.floats(0.05, 0.95),
)
def test_the_box_equals_the_full_frame_exactly(
    height: int, width: int, scale: float, angle_rad: float, along: float, down: float
) -> None:
    portrait = np.random.default_rng(height * width).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    to_original = matrix(scale, angle_rad, along * width, down * height)
    paste_back = PasteBack.prepare(portrait, to_original)
    expected = blended_in_full(portrait, CROP, to_original)
    assert np.array_equal(paste_back.blend(CROP), expected)
    crops = torch.from_numpy(np.stack([CROP, 255 - CROP]))
    box, other = paste_back.on(torch.device("cpu"))(crops).numpy()
    assert np.array_equal(paste_back.with_box(box), expected)
    assert np.array_equal(paste_back.with_box(other), paste_back.blend(255 - CROP))


def test_outside_the_box_every_pixel_is_the_portraits_and_the_box_is_tight() -> None:
    portrait = np.zeros((600, 500, 3), dtype=np.uint8)
    paste_back = PasteBack.prepare(portrait, matrix(0.5, 0.3, 260, 300))
    result = paste_back.blend(np.full_like(CROP, 255))
    changed = result.max(axis=2) > 0
    box = paste_back.box
    inside = np.zeros_like(changed)
    inside[box.slices] = True
    assert not changed[~inside].any()
    assert 0 < box.x0 < box.x1 < 500
    for edge in (changed[:, box.x0 : box.x0 + 3], changed[:, box.x1 - 3 : box.x1]):
        assert edge.any()


def test_the_portrait_itself_is_left_alone() -> None:
    portrait = np.full((300, 300, 3), 9, dtype=np.uint8)
    PasteBack.prepare(portrait, matrix(0.4, 0, 150, 150)).blend(CROP)
    assert (portrait == 9).all()


def test_a_crop_beside_the_portrait_is_refused() -> None:
    with pytest.raises(ValueError, match="wholly outside the portrait"):
        PasteBack.prepare(np.zeros((50, 50, 3), dtype=np.uint8), matrix(0.1, 0, 900, 900))


def test_the_mask_is_the_originals() -> None:
    mask = crop_mask()
    assert mask.mean() == pytest.approx(239.26695, abs=1e-5)
    assert not mask[0].any()
    assert not mask[:, 0].any()
    assert mask[-1, 256] == mask[256, -1] == 15
    assert (mask[16:496, 16:496] == 255).all()
    assert np.array_equal(mask, mask.T)
