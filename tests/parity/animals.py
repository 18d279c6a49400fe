"""`animals.npz`: crops from nine points, absolute motion, and two renders of an animal.

The points are given; X-Pose, which finds them in the original, is not part of the product.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from liveportrait_core.engines.liveportrait.animals.box import animal_box
from liveportrait_core.engines.liveportrait.animals.engine import AnimalEngine
from liveportrait_core.engines.liveportrait.animals.motion import (
    absolute_keypoints,
    drive_animal,
    hull_ratio,
)
from liveportrait_core.engines.liveportrait.driving import resize_to_network
from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import (
    Motion,
    pose_degrees,
    rotation_matrix,
    transform_keypoints,
)
from liveportrait_core.engines.liveportrait.source.crop import fit_portrait, network_frame
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.face.crop import crop_box, map_points, reference_points
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame
from liveportrait_core.species import FacePoints, Species
from tests.golden.recipe import Mix, block_means
from tests.parity.golden_set import FEW_SAMPLES, GoldenFile
from tests.parity.watching import watched

LONGEST_SIDE_PX = 1280
FPS = Fraction(29)  # as the original writes 29.97
CROP_PX = 512


def check_animals(golden: GoldenFile, model: Model) -> None:
    """Compare every array of the file."""
    check_crops(golden)
    check_motion(golden, model)
    _check_renders(golden, model)


def check_crops(golden: GoldenFile) -> None:
    """Compare the crops from nine points; needs no network."""
    picture = golden.seeds.lattice("geo/image", 480, 640, 20)
    golden.compare_picture("image", picture)
    for name, arguments in json.loads(str(golden.given("crop_params_json"))).items():
        _check_crop(golden, picture, f"crop_{name}", arguments)


def _check_crop(golden: GoldenFile, picture: Frame, name: str, arguments: dict[str, Any]) -> None:
    points = golden.given(f"{name}_points")
    # A horizontal shift is among the arguments of one; the original forgets it.
    scale, vy_ratio = arguments.get("scale", 2.3), arguments.get("vy_ratio", -0.125)
    box = animal_box(points, scale=scale, vy_ratio=vy_ratio)
    crop = crop_box(picture, box, size_px=CROP_PX, upright=arguments.get("flag_do_rot", True))
    golden.compare(f"{name}_pt2", reference_points(points))
    golden.compare(f"{name}_pt2_nolip", reference_points(points, with_lip=False))
    one_eye, other_eye, mouth = golden.given(f"{name}_taps")
    golden.compare(f"{name}_taps_pt2", np.stack([(one_eye + other_eye) / 2, mouth]))
    golden.compare(f"{name}_rect", [*box.centre, box.side_px, box.side_px, box.angle_rad])
    golden.compare(f"{name}_bbox", box.upright_corners())
    golden.compare(f"{name}_bbox_rot", box.corners())
    golden.compare_relative(f"{name}_M_o2c", crop.original_to_crop)
    golden.compare_relative(f"{name}_M_c2o", crop.crop_to_original)
    golden.compare(f"{name}_pt", map_points(points, crop.original_to_crop))
    golden.compare_summary(f"{name}_img", crop.picture, few=FEW_SAMPLES)
    golden.compare(f"{name}_small", block_means(crop.picture, 8))
    golden.compare_summary(f"{name}_256", network_frame(crop), few=FEW_SAMPLES)


def check_motion(golden: GoldenFile, model: Model) -> None:
    """Compare key points; of the networks only stitching is asked."""
    source = Motion(
        canonical_keypoints=golden.given("source_kp"),
        rotation=rotation_matrix(*(golden.given(f"source_{a}") for a in ("pitch", "yaw", "roll"))),
        expression=golden.given("source_exp"),
        scale=golden.given("source_scale"),
        translation=golden.given("source_t"),
    )
    driving = Motion(
        canonical_keypoints=np.zeros((8, 21, 3), np.float32),  # nobody reads them
        rotation=golden.given("driving_R")[:, 0],
        expression=golden.given("driving_exp")[:, 0],
        scale=golden.given("driving_scale")[:, 0],
        translation=golden.given("driving_t")[:, 0],
    )
    golden.compare("source_R", source.rotation)
    golden.compare("x_s", transform_keypoints(source))
    first = absolute_keypoints(source, driving)[:1]
    golden.compare("x_d_0", first)
    golden.compare("hull_multiplier", hull_ratio(transform_keypoints(source)[0], first[0]))
    for multiplier in ("0.5", "1", "1.75"):
        for stitching in (0, 1):
            driven = drive_animal(
                source,
                driving,
                multiplier=float(multiplier),
                stitch=model.stitch if stitching else None,
            )
            run = f"motion/stitch{stitching}/m{multiplier}"
            golden.compare(f"{run}/fin", driven.final)
            if stitching:
                golden.compare(f"{run}/pre", driven.composed)
                golden.compare(f"{run}/post", driven.stitched)


def _check_renders(golden: GoldenFile, model: Model) -> None:
    portrait = golden.seeds.lattice("e2e/source", 1430, 1101, 30)
    golden.compare_picture("e2e_source", portrait)
    frames = [
        golden.seeds.lattice(
            "e2e/driving", 480, 640, 16, mix=Mix(name="e2e/driving2", part=3 * i, whole=8)
        )
        for i in range(2)
    ]
    golden.compare_picture("e2e_driving", np.stack(frames))
    golden.compare_levels(
        "e2e_driving_256", np.stack([resize_to_network(frame) for frame in frames]), share=1e-3
    )
    engine = AnimalEngine(model, MeshFinder(), None, digests=())
    template = engine.analyse(frames, FPS)
    _check_template(golden, template)
    _check_source_crop(golden, portrait)
    on = _asked_for(golden)
    _check_render(golden, engine, model, "on", portrait, template, on)
    off = replace(on, paste_back=False, driving_multiplier=1.75)
    _check_render(golden, engine, model, "off", portrait, template, off)


def _asked_for(golden: GoldenFile) -> RenderOptions:
    """The run with stitching and paste-back; its points as shares of the picture."""
    height, width = golden.given("e2e_resized_shape")[:2]
    shares = golden.given("e2e_points") / [width, height]
    return RenderOptions(
        species=Species.ANIMAL,
        face_points=FacePoints(points=tuple((float(x), float(y)) for x, y in shares)),
        paste_back=True,
        driving_multiplier=1.0,
        source_max_dim_px=LONGEST_SIDE_PX,
        loop=False,  # the original has none
    )


def _check_template(golden: GoldenFile, template: LivePortraitMotion) -> None:
    motion = template.measured.motion
    for name, values in (
        ("scale", motion.scale),
        ("R", motion.rotation),
        ("exp", motion.expression),
        ("t", motion.translation),
    ):
        golden.compare(f"e2e_template_{name}", values[:, None])
    golden.compare("e2e_template_output_fps", int(template.fps))
    golden.compare("e2e_written_fps", [int(template.fps)] * 2)
    # The keys of the original's pickle; ours are read and written elsewhere.
    golden.given("e2e_template_keys")


def _check_source_crop(golden: GoldenFile, portrait: Frame) -> None:
    resized = fit_portrait(portrait, LONGEST_SIDE_PX)
    golden.compare("e2e_resized_shape", resized.shape)
    box = animal_box(golden.given("e2e_points"), scale=2.3)
    crop = crop_box(resized, box, size_px=CROP_PX)
    golden.compare_relative("e2e_M_o2c", crop.original_to_crop)
    golden.compare_relative("e2e_M_c2o", crop.crop_to_original)
    golden.compare_levels("e2e_source_256", network_frame(crop), share=1e-3)


def _check_render(
    golden: GoldenFile,
    engine: AnimalEngine,
    model: Model,
    run: str,
    portrait: Frame,
    template: LivePortraitMotion,
    options: RenderOptions,
) -> None:
    prepared = engine.prepare(portrait, options)
    driven = engine.drive(prepared, template, options)
    golden.compare(f"e2e_{run}_x_d", driven.final)
    if run == "on":
        _check_source(golden, prepared.motion, template.measured)
        golden.compare_summary("e2e_f_s", prepared.feature.numpy())
        golden.compare("e2e_x_s", driven.source)
        golden.compare("e2e_on_x_d_pre", driven.composed)
        golden.compare("e2e_on_x_d_post", driven.stitched)
    networks = {"warped": model.networks.warping_module, "picture": model.networks.spade_generator}
    with watched(networks) as seen:
        frames = list(engine.animate(prepared, template, options))
    _check_networks(golden, run, seen)
    _check_frames(golden, run, frames)


def _check_source(golden: GoldenFile, motion: Motion, driving: MeasuredMotion) -> None:
    for name, values in (
        ("kp", motion.canonical_keypoints),
        ("exp", motion.expression),
        ("scale", motion.scale),
        ("t", motion.translation),
    ):
        golden.compare(f"e2e_info_{name}", values)
    for column, name in enumerate(("pitch", "yaw", "roll")):
        golden.compare(f"e2e_info_{name}", pose_degrees(motion.rotation)[:, [column]])
    first = absolute_keypoints(motion, driving.motion)[:1]
    golden.compare("e2e_x_d_0", first)
    golden.compare("e2e_hull_multiplier", hull_ratio(transform_keypoints(motion)[0], first[0]))


def _check_networks(golden: GoldenFile, run: str, seen: dict[str, list[Any]]) -> None:
    """What happens between the key points and the crops, frame by frame."""
    deformations = torch.cat([warped.deformation for warped in seen["warped"]]).numpy()
    pictures = torch.cat(seen["picture"]).numpy()
    occlusions = torch.cat([warped.occlusion for warped in seen["warped"]]).numpy()
    golden.compare(f"e2e_{run}_occlusion", occlusions)
    for i in range(len(pictures)):
        golden.compare_summary(f"e2e_{run}_deformation_{i}", deformations[i : i + 1])
        golden.compare_summary(f"e2e_{run}_gen_{i}", pictures[i : i + 1])
        golden.compare(f"e2e_{run}_gen_small_{i}", block_means(pictures[i].transpose(1, 2, 0), 8))


def _check_frames(golden: GoldenFile, run: str, frames: Sequence[Frame]) -> None:
    y0, y1, x0, x1 = golden.given(f"e2e_final_patch_{run}_yyxx").tolist()
    block = 10 if run == "on" else 8
    for i, frame in enumerate(frames):
        golden.compare_summary(f"e2e_{run}_final_{i}", frame, few=0.02)
        golden.compare(f"e2e_{run}_final_small_{i}", block_means(frame, block))
        golden.compare_levels(f"e2e_{run}_final_patch_{i}", frame[y0:y1, x0:x1], share=0.02)
