"""A folder of golden vectors, and the bookkeeping that leaves no array unlooked-at.

Every array of a file is either compared or given to the product as an input; what is neither counts
as a failure. Knows no network.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.golden.recipe import Seeds

SUMMARY_PARTS = ("__shape", "__idx", "__val", "__stats", "__proj")
PICTURE_PARTS = ("__sha256", "__corner", "__shape")

FEW_SAMPLES = 8 / 4096
"""Share of a crop's samples that may differ at all, where the crop's matrix is our own."""

TOLERANCES: tuple[tuple[str, float], ...] = (
    # file/array (full match), largest accepted absolute difference; the first that matches counts
    (r"modules/(F|M)_image\d*", 0.0),
    (r"modules/.*_head", 0.0),
    (r"modules/F_.*", 1e-4),
    (r"modules/M_raw_(pitch|yaw|roll)", 1e-4),
    (r"modules/M_raw_.*", 2e-5),
    (r"modules/M_ref_(pitch|yaw|roll)", 1e-3),
    (r"modules/M_.*", 2e-5),
    (r"modules/W\d_out", 2e-4),
    (r"modules/W\d_.*", 2e-5),
    (r"modules/G2_uint8_small", 1.0),  # and in less than 0.1 % of the values
    (r"modules/G\d_(out|small)", 2e-4),
    (r"modules/G\d_.*", 5e-4),
    (r"modules/G_sigma", 1e-6),
    (r"functions/bins_degrees", 1e-3),
    (r"functions/.*", 1e-6),
    (r"motion/.*", 5e-6),
    (r"geometry/.*_M_(o2c|c2o)", 1e-4),  # relative
    (r"geometry/(crop_.|bbox_crop)_img", 2.0),  # and in few of the samples
    (r"geometry/(crop_.|bbox_crop|cr_srcvid|cr_drv)_small", 0.05),
    (r"geometry/cr_(srcimg_img_crop_256x256|drv_256_frame1)", 2.0),  # and in 0.1 % of the values
    (r"geometry/(crop_.|bbox_crop|cr_[a-z]+)_(pt|lmk|pt2|pt2_nolip|rect_vx01|bbox|bbox_rot)", 2e-3),
    (r"geometry/cr_srcimg_(pt_crop|lmk_crop)", 2e-3),
    (r"geometry/(det_boxes|det_kps|det_boxes_max3|lm106_pts|lm203_pts)", 1e-3),
    (r"geometry/lm106_blob", 2.0),  # levels; and in few of the samples
    (r"geometry/lm203_blob", 2 / 255),  # likewise
    (r"geometry/(prepare_source_nonsquare|det_blob|paste_._(img|mask))", 1e-9),  # but for sums
    (r"geometry/paste_._(mask_)?small", 1e-5),
    (r"geometry/.*", 0.0),
    (r"e2e/M_(o2c|c2o)", 1e-4),  # relative
    (r"e2e/(source|driving)_256", 2.0),  # and in 0.1 % of the values
    (r"e2e/source_resized_small", 1e-5),
    (r"e2e/(template_(R|scale|exp|t|kp|x_s|c_eyes|c_lip)|x_.*)", 5e-5),
    (r"e2e/f_s", 1e-4),
    (r"e2e/deformation_\d", 2e-5),
    (r"e2e/occlusion", 2e-4),
    (r"e2e/gen_.*", 1e-3),
    (r"e2e/final_small_\d", 0.3),
    (r"e2e/final_(patch_)?\d", 1.0),  # and in 2 % of the values
    (r"e2e/.*", 0.0),
    (r"editing/(source_._(rest|R)|case_retargeted|e2e_._rest|e2e_resized_shape|e2e_source)", 1e-6),
    (r"editing/exp_new", 1e-7),
    (r"editing/(source_._ratios.*|R_d|eyes_delta|lip_delta|clip/.*/delta.*)", 1e-6),
    (r"editing/(source_._x_s|clip_x_s|x_d.*|clip/.*/x_d.*)", 5e-6),
    (r"editing/e2e_._M_(o2c|c2o)", 1e-4),  # relative
    (r"editing/e2e_._source_256", 2.0),  # and in 0.1 % of the values
    (r"editing/e2e_._info_(pitch|yaw|roll)", 1e-3),
    (r"editing/e2e_._info_.*", 2e-5),
    (r"editing/e2e_._x_.*", 5e-5),
    (r"editing/e2e_._gen.*", 1e-3),
    (r"editing/e2e_._(out|pasted)_small", 0.3),
    (r"editing/e2e_._(out|pasted).*", 1.0),  # and in 2 % of the values
    (r"wav2lip/mel_filters.*", 1e-7),
    (r"wav2lip/(mel_[ab]|.*_chunks|net_mel)", 1e-5),
    (r"wav2lip/(net_out.*)", 2e-5),
    (r"wav2lip/paste_._small", 0.05),
    (r"wav2lip/paste_1_patch", 1.0),  # and in 0.1 % of the values
    (r"wav2lip/(face_enc|face_dec|audio_enc|out).*", 1e-4),
    (r"wav2lip/.*", 0.0),
    (r"joyvasa/sched.*", 1e-6),
    (r"joyvasa/pe.*", 4e-5),  # the last bit of a frequency, times 600 positions
    (r"joyvasa/hub_sound__head", 0.0),
    (r"joyvasa/(hub_.*|audio_feat|den_.*|full_.*)", 5e-5),
    (r"joyvasa/.*_n_frames", 0.0),
    (r"joyvasa/(win_.*|long_coef|short_.*)", 1e-4),
    (r"joyvasa/long_(raw|smooth)_(pitch|yaw|roll)", 1e-4),
    (r"joyvasa/long_(raw|smooth)_R", 5e-6),
    (r"joyvasa/long_.*", 1e-6),
    (r"joyvasa/render_.*", 5e-6),
    (r"joyvasa/(mask|pad|counts).*", 0.0),
    (r"animals/crop_.+_M_(o2c|c2o)", 1e-4),  # relative
    (r"animals/crop_.+_(img|256)", 2.0),  # and in few of the samples
    (r"animals/crop_.+_small", 0.05),
    (r"animals/crop_.+_(pt|pt2|pt2_nolip|taps_pt2|rect|bbox|bbox_rot)", 2e-3),
    (r"animals/(source_R|(e2e_)?hull_multiplier)", 1e-6),
    (r"animals/(x_s|x_d_0|motion/.*)", 5e-6),
    (r"animals/e2e_M_(o2c|c2o)", 1e-4),  # relative
    (r"animals/e2e_(source|driving)_256", 2.0),  # and in 0.1 % of the values
    (r"animals/e2e_info_(pitch|yaw|roll)", 1e-3),
    (r"animals/e2e_info_.*", 2e-5),
    (r"animals/e2e_(template_(R|scale|exp|t)|x_.*|on_x_d.*|off_x_d)", 5e-5),
    (r"animals/e2e_f_s", 1e-4),
    (r"animals/e2e_.*_deformation_\d", 2e-5),
    (r"animals/e2e_.*_occlusion", 2e-4),
    (r"animals/e2e_.*_gen_.*", 1e-3),
    (r"animals/e2e_.*_final_small_\d", 0.3),
    (r"animals/e2e_.*_final_.*", 1.0),  # and in 2 % of the values
    (r"animals/(image|e2e_(source|driving|resized_shape|template_output_fps|written_fps))", 0.0),
)


def tolerance(name: str) -> float:
    """The tolerance of a check, by its name.

    Raises:
        LookupError: none is written down.
    """
    for pattern, value in TOLERANCES:
        if re.fullmatch(pattern, name):
            return value
    raise LookupError(f"no tolerance for {name}")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One comparison."""

    name: str  # <file>/<array>
    difference: float
    tolerance: float
    remark: str = ""  # why it failed, where the difference does not tell

    @property
    def ok(self) -> bool:
        # A difference that is not a number compares false, and so fails.
        return not self.remark and self.difference <= self.tolerance

    def __str__(self) -> str:
        outcome = "ok" if self.ok else "FAIL"
        line = f"{self.name} {self.difference:.3g} {self.tolerance:.3g} {outcome}"
        return f"{line} ({self.remark})" if self.remark else line


@dataclass(kw_only=True)
class GoldenFile:
    """One `.npz` of a golden set, with what has been done with each of its arrays."""

    name: str
    arrays: dict[str, NDArray[Any]]
    seeds: Seeds
    checks: list[Check] = field(default_factory=list)
    compared: set[str] = field(default_factory=set)
    inputs: set[str] = field(default_factory=set)

    def given(self, array: str) -> NDArray[Any]:
        """An array that the product gets as an input."""
        self.inputs.add(array)
        return self.arrays[array]

    def compare(self, array: str, actual: ArrayLike) -> None:
        """Compare a whole array."""
        expected = self.arrays[array]
        self.compared.add(array)
        self._record(array, _difference(np.asarray(actual), expected))

    def compare_levels(self, array: str, actual: NDArray[np.uint8], *, share: float) -> None:
        """Compare whole levels of a picture, of which only a share may differ at all."""
        expected = self.arrays[array]
        self.compared.add(array)
        differing = float(np.mean(actual != expected)) if actual.shape == expected.shape else 1.0
        remark = f"{differing:.2%} of the values differ" if differing >= share else ""
        self._record(array, _difference(actual, expected), remark)

    def compare_relative(self, array: str, actual: NDArray[np.float32]) -> None:
        """Compare a matrix, large values by their relative difference."""
        expected = self.arrays[array]
        self.compared.add(array)
        scale = np.maximum(np.abs(expected), 1)
        self._record(array, _difference(actual / scale, expected / scale))

    def compare_summary(self, array: str, actual: ArrayLike, *, few: float | None = None) -> None:
        """Compare with samples, statistics and random projections of a large array.

        With `few`, no larger share of the samples may differ at all.
        """
        shape, idx, val, stats, proj = (self.arrays[array + part] for part in SUMMARY_PARTS)
        self.compared.update(array + part for part in SUMMARY_PARTS)
        values = np.asarray(actual).astype(np.float64)
        if values.shape != tuple(shape):
            self._record(array, np.inf, f"shape {values.shape} instead of {tuple(shape)}")
            return
        flat = values.reshape(-1)
        own = [flat.mean(), flat.std(), np.abs(flat).max(), flat.min(), flat.max()]
        differences = [
            _difference(flat[idx], val),
            _difference(np.array(own), stats),
            _difference(self.seeds.projections(array, flat), proj),
        ]
        differing = float(np.mean(flat[idx] != val))
        remark = "" if few is None or differing <= few else f"{differing:.2%} of the samples differ"
        self._record(array, max(differences, key=lambda d: np.inf if np.isnan(d) else d), remark)

    def compare_picture(self, array: str, actual: NDArray[np.uint8]) -> None:
        """Compare a picture drawn from its seed with the digest of the one that was used."""
        digest, corner, shape = (self.arrays[array + part] for part in PICTURE_PARTS)
        self.compared.update(array + part for part in PICTURE_PARTS)
        same = hashlib.sha256(actual.tobytes()).hexdigest() == str(digest)
        same = same and actual.shape == tuple(shape)
        remark = "" if same else "another picture: is PREFIX the seed prefix of this set?"
        self._record(array, _difference(actual[..., :8, :8, :], corner), remark)

    def compare_names(self, array: str, actual: list[str]) -> None:
        """Compare a list of names."""
        self.compared.add(array)
        expected = [str(name) for name in np.atleast_1d(self.arrays[array])]
        same = actual == expected
        name = f"{self.name}/{array}"
        remark = "" if same else f"{actual[:3]}… instead of {expected[:3]}…"
        self.checks.append(Check(name=name, difference=0.0, tolerance=0.0, remark=remark))

    def require(self, array: str, holds: bool, otherwise: str) -> None:
        """Record a statement about an array that is not the product's own result."""
        self.compared.add(array)
        name, remark = f"{self.name}/{array}", "" if holds else otherwise
        self.checks.append(Check(name=name, difference=0.0, tolerance=0.0, remark=remark))

    def unchecked(self) -> list[str]:
        """The arrays nobody looked at."""
        return sorted(set(self.arrays) - self.compared - self.inputs)

    def _record(self, array: str, difference: float, remark: str = "") -> None:
        name = f"{self.name}/{array}"
        limit = tolerance(name)
        self.checks.append(Check(name=name, difference=difference, tolerance=limit, remark=remark))


def read_golden_file(folder: Path, name: str, seeds: Seeds) -> GoldenFile:
    """Read `<folder>/<name>.npz`."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        return GoldenFile(name=name, arrays=dict(arrays), seeds=seeds)


def _difference(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    if actual.shape != expected.shape:
        return float("inf")
    if actual.size == 0:
        return 0.0
    return float(np.abs(actual.astype(np.float64) - expected.astype(np.float64)).max())
