"""`functions.npz`: the small networks and the pure mathematics around them."""

import re

import numpy as np

from liveportrait_core.engines.liveportrait.model import Model, ask
from liveportrait_core.engines.liveportrait.motion.pose import (
    Floats,
    Motion,
    head_pose_degrees,
    hull_multiplier,
    rotation_matrix,
    smooth,
    transform_keypoints,
)
from liveportrait_core.engines.liveportrait.motion.retargeting import (
    eye_ratios_with_driving,
    with_target,
)
from liveportrait_core.face.openings import eye_close_ratios, lip_close_ratio
from tests.parity.golden_set import GoldenFile


def check_functions(golden: GoldenFile, model: Model) -> None:
    """Compare every array of the file."""
    _check_perceptrons(golden, model)
    _check_pose(golden)
    _check_keypoints(golden)
    _check_corrections(golden, model)
    _check_ratios(golden)
    _check_smoothing(golden)


def _check_perceptrons(golden: GoldenFile, model: Model) -> None:
    networks = model.networks
    for name, network in (
        ("stitching", networks.stitching),
        ("lip", networks.lip_retargeting),
        ("eye", networks.eye_retargeting),
    ):
        golden.compare(f"mlp_{name}_out", ask(network, golden.given(f"mlp_{name}_in")))


def _check_pose(golden: GoldenFile) -> None:
    degrees = head_pose_degrees(golden.given("bins_logits"))
    golden.compare("bins_degrees", degrees[:, 0])
    passed = head_pose_degrees(golden.given("bins_passthrough_in"))
    golden.compare("bins_passthrough_out", passed)
    pitch, yaw, roll = golden.given("rot_angles")
    golden.compare("rot_matrix", rotation_matrix(pitch, yaw, roll))
    golden.compare("rot_matrix_1d", rotation_matrix(pitch[:, 0], yaw[:, 0], roll[:, 0]))


def _check_keypoints(golden: GoldenFile) -> None:
    degrees = [golden.given(f"kpinfo_{angle}") for angle in ("pitch", "yaw", "roll")]
    logits = [golden.given(f"kpinfo_bins_{angle}") for angle in ("pitch", "yaw", "roll")]
    keypoints = transform_keypoints(_motion(golden, degrees))
    golden.compare("kpinfo_x", keypoints)
    golden.compare("kpinfo_x_from_bins", transform_keypoints(_motion(golden, logits)))
    following = np.roll(keypoints, -1, axis=0)
    golden.compare(
        "hull_multiplier",
        [hull_multiplier(*pair) for pair in zip(keypoints, following, strict=True)],
    )


def _motion(golden: GoldenFile, angles: list[Floats]) -> Motion:
    return Motion(
        canonical_keypoints=golden.given("kpinfo_kp"),
        rotation=rotation_matrix(*(head_pose_degrees(angle) for angle in angles)),
        expression=golden.given("kpinfo_exp"),
        scale=golden.given("kpinfo_scale"),
        translation=golden.given("kpinfo_t"),
    )


def _check_corrections(golden: GoldenFile, model: Model) -> None:
    source, driving = golden.given("stitch_xs"), golden.given("stitch_xd")
    golden.compare("stitch_raw", model.stitching_offsets(source, driving))
    golden.compare("stitch_out", model.stitch(source, driving))
    eyes = model.retarget_eyes(source, golden.given("retarget_eye_ratio"))
    lip = model.retarget_lip(source, golden.given("retarget_lip_ratio"))
    golden.compare("retarget_eye_out", eyes)
    golden.compare("retarget_lip_out", lip)


def _check_ratios(golden: GoldenFile) -> None:
    for group in ("ratio_rand", "ratio"):
        landmarks = golden.given(f"{group}_lmk")
        eyes, lip = eye_close_ratios(landmarks), lip_close_ratio(landmarks)
        golden.compare(f"{group}_eye", eyes)
        golden.compare(f"{group}_lip", lip)
    golden.compare("ratio_eye_with_target", with_target(eyes, golden.given("ratio_target")))
    driving_eyes, driving_lip = np.roll(eyes, -1, axis=0), np.roll(lip, -1, axis=0)
    golden.compare("combined_eye", eye_ratios_with_driving(eyes, driving_eyes))
    golden.compare("combined_lip", with_target(lip, driving_lip))
    golden.compare("combined_lip_from_list", with_target(lip, driving_lip))


def _check_smoothing(golden: GoldenFile) -> None:
    for array in golden.arrays:
        found = re.fullmatch(r"kalman_(\w+?)_(\d[\de.-]*)", array)
        if found:
            sequence = golden.given(f"kalman_{found[1]}_in")[:, 0]
            golden.compare(array, smooth(sequence, float(found[2])))
