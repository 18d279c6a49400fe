"""`editing.npz`: portraits edited by hand, and a clip whose lips are brought to one opening.

The original adds the translation's z to the edited face and not to the picture's own: its rest is
no identity. The product's is, so the check adds that z before it compares.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from liveportrait_core.edit import REST, PortraitEdit
from liveportrait_core.engines.liveportrait.driving import resize_to_network
from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.motion.editing import EditedFace, edit_face
from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import (
    Floats,
    Motion,
    pose_degrees,
    rotation_matrix,
    transform_keypoints,
)
from liveportrait_core.engines.liveportrait.source.crop import (
    crop_source,
    fit_portrait,
    network_frame,
)
from liveportrait_core.engines.liveportrait.source.paste_back import PasteBack
from liveportrait_core.face.openings import eye_close_ratios, lip_close_ratio
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame
from tests.golden.recipe import block_means
from tests.parity.golden_set import GoldenFile
from tests.parity.watching import watched

LONGEST_SIDE_PX = 1280
FIELDS = {
    "eyes": "eyes_open", "lips": "lips_open", "move_x": "x", "move_y": "y", "move_z": "z",
    "lip_open": "lips", "wink": "wink_left",
}  # fmt: skip
"""The product's names of the original's sliders, where they differ."""
ONE_PICTURE = 1.0  # a single frame is never smoothed


@dataclass(frozen=True, kw_only=True)
class Face:
    """What the file gives of one face: its motion, its openings, and the rest of two sliders."""

    measured: MeasuredMotion
    translation_z: Floats  # B×1×1
    rest: dict[str, float]

    def edited(self, edit: PortraitEdit, model: Model, *, variance: float) -> EditedFace:
        return edit_face(
            self.measured.motion,
            eye_ratios=self.measured.eye_ratios,
            lip_ratios=self.measured.lip_ratios,
            edit=edit,
            networks=model,
            observation_variance=variance,
        )

    def keypoints(self, face: EditedFace) -> Floats:
        """As the original has them: with z."""
        keypoints = face.keypoints.copy()
        keypoints[:, :, 2:] += self.translation_z
        return keypoints


def check_editing(golden: GoldenFile, model: Model) -> None:
    """Compare every array of the file."""
    faces = {who: _face(golden, who) for who in "ab"}
    names = golden.given("slider_names").tolist()
    _check_edits(golden, model, faces, names)
    _check_clip(golden, model)
    _check_pictures(golden, model, names)


def _check_edits(
    golden: GoldenFile, model: Model, faces: dict[str, Face], names: list[str]
) -> None:
    found: dict[str, list[Any]] = {
        name: []
        for name in ("R_d", "exp_new", "eyes_delta", "lip_delta", "x_d_pre", "x_d", "retargeted")
    }
    golden.given("case_names")
    rows = zip(
        golden.given("case_source"),
        golden.given("case_stitching"),
        golden.given("case_values").tolist(),
        strict=True,
    )
    for who, stitching, values in rows:
        face = faces[str(who)]
        edit = _edit(names, values, face.rest)
        edited = face.edited(edit, model, variance=ONE_PICTURE)
        composed = face.keypoints(edited)
        resting = transform_keypoints(face.measured.motion)
        found["R_d"].append(edited.motion.rotation[0])
        found["exp_new"].append(edited.motion.expression[0])
        for name, alone_edit in (
            ("eyes_delta", replace(REST, eyes_open=edit.eyes_open)),
            ("lip_delta", replace(REST, lips_open=edit.lips_open)),
        ):
            alone = face.edited(alone_edit, model, variance=ONE_PICTURE)
            found[name].append(np.broadcast_to(alone.offset, resting.shape)[0])
        found["retargeted"].append([edit.eyes_open is not None, edit.lips_open is not None])
        found["x_d_pre"].append(composed[0])
        found["x_d"].append((model.stitch(resting, composed) if stitching else composed)[0])
    golden.compare("case_retargeted", np.array(found.pop("retargeted")))
    for name, values in found.items():
        golden.compare(name, np.stack(values))


def _check_clip(golden: GoldenFile, model: Model) -> None:
    clip = _face(golden, "clip")
    resting = transform_keypoints(clip.measured.motion)
    golden.compare("clip_x_s", resting)
    runs = zip(golden.given("clip_keys").tolist(), golden.given("clip_runs").tolist(), strict=True)
    for key, (target, variance) in runs:
        edit = PortraitEdit(lips_open=target)
        golden.compare(f"{key}/delta", clip.edited(edit, model, variance=1e-300).offset)
        edited = clip.edited(edit, model, variance=variance)
        golden.compare(f"{key}/delta_smooth", edited.offset)
        golden.compare(f"{key}/x_d_pre", edited.keypoints)  # no z: these start from x_s
        golden.compare(f"{key}/x_d", model.stitch(resting, edited.keypoints))
    silent = clip.keypoints(clip.edited(PortraitEdit(silent=1), model, variance=ONE_PICTURE))
    golden.compare("clip/silent/x_d_pre", silent)
    golden.compare("clip/silent/x_d", model.stitch(resting, silent))


def _check_pictures(golden: GoldenFile, model: Model, names: list[str]) -> None:
    picture = golden.seeds.lattice("editing/e2e/source", 1390, 1001, 26)
    golden.compare_picture("e2e_source", picture)
    resized = fit_portrait(picture, LONGEST_SIDE_PX)
    golden.compare("e2e_resized_shape", resized.shape)
    landmarks = golden.given("e2e_lmk203")[None]
    rest = _rest(golden.given("e2e_lmk203_init")[None])
    for number, settings in enumerate(json.loads(str(golden.given("e2e_params_json")))):
        name = f"e2e_{number}"
        golden.compare(f"{name}_rest", list(rest.values()))
        paste_back = None
        if settings["do_crop"]:
            points = golden.given("e2e_lmk106")
            crop = crop_source(
                resized, points, RenderOptions(source_crop_scale=settings["crop_scale"])
            )
            golden.compare_relative(f"{name}_M_o2c", crop.original_to_crop)
            golden.compare_relative(f"{name}_M_c2o", crop.crop_to_original)
            paste_back = PasteBack.prepare(resized, crop.crop_to_original)
            seen = network_frame(crop)
        else:
            seen = resize_to_network(resized)
        golden.compare_levels(f"{name}_source_256", seen, share=1e-3)
        motion = model.extract_motion(seen[None])
        face = Face(
            measured=MeasuredMotion(
                motion=motion,
                eye_ratios=eye_close_ratios(landmarks),
                lip_ratios=lip_close_ratio(landmarks),
            ),
            translation_z=motion.translation[:, None, 2:],
            rest=rest,
        )
        _check_motion(golden, name, motion)
        edit = _edit(names, golden.given(f"{name}_values").tolist(), rest)
        resting = transform_keypoints(motion)
        composed = face.keypoints(face.edited(edit, model, variance=ONE_PICTURE))
        moved = model.stitch(resting, composed) if settings["stitching"] else composed
        golden.compare(f"{name}_x_s", resting)
        golden.compare(f"{name}_x_d_pre", composed)
        golden.compare(f"{name}_x_d", moved)
        with watched({"picture": model.networks.spade_generator}) as watching:
            (drawn,) = model.animate(model.extract_appearance(seen[None]), resting, moved)
        drawing = torch.cat(watching["picture"]).numpy()
        golden.compare_summary(f"{name}_gen", drawing)
        golden.compare(f"{name}_gen_small", block_means(drawing[0].transpose(1, 2, 0), 8))
        _check_picture(golden, f"{name}_out", drawn, (200, 296, 200, 296), block=8)
        if paste_back is not None:
            pasted = paste_back.blend(drawn)
            _check_picture(golden, f"{name}_pasted", pasted, (560, 656, 400, 496), block=10)


def _check_motion(golden: GoldenFile, name: str, motion: Motion) -> None:
    for part, values in (
        ("kp", motion.canonical_keypoints),
        ("exp", motion.expression),
        ("scale", motion.scale),
        ("t", motion.translation),
    ):
        golden.compare(f"{name}_info_{part}", values)
    angles = pose_degrees(motion.rotation)
    for part, column in (("pitch", 0), ("yaw", 1), ("roll", 2)):
        golden.compare(f"{name}_info_{part}", angles[:, [column]])


def _check_picture(
    golden: GoldenFile,
    name: str,
    picture: Frame,
    patch: tuple[int, int, int, int],
    *,
    block: int,
) -> None:
    top, bottom, left, right = patch
    golden.compare_summary(name, picture, few=0.02)
    golden.compare(f"{name}_small", block_means(picture, block))
    golden.compare_levels(
        f"{name}_patch_{top}_{bottom}", picture[top:bottom, left:right], share=0.02
    )


def _face(golden: GoldenFile, who: str) -> Face:
    """What the file gives of a face, its derived values compared."""
    prefix = who if who == "clip" else f"source_{who}"
    landmarks = golden.given(f"{prefix}_lmk").reshape(-1, 203, 2)
    count = len(landmarks)

    def values(name: str) -> Any:
        array = golden.given(f"{prefix}_{name}")
        return array[:, 0] if who == "clip" else array

    motion = Motion(
        canonical_keypoints=values("kp"),
        rotation=rotation_matrix(values("pitch"), values("yaw"), values("roll")),
        expression=values("exp"),
        scale=values("scale"),
        translation=values("t"),
    )
    measured = MeasuredMotion(
        motion=motion,
        eye_ratios=eye_close_ratios(landmarks),
        lip_ratios=lip_close_ratio(landmarks),
    )
    rest: dict[str, float] = {}
    if who != "clip":
        first = golden.given(f"{prefix}_lmk_init")[None]
        rest = _rest(first)
        golden.compare(f"{prefix}_rest", list(rest.values()))
        golden.compare(f"{prefix}_ratios", _ratios(landmarks))
        golden.compare(f"{prefix}_ratios_init", _ratios(first))
        golden.compare(f"{prefix}_R", motion.rotation)
        golden.compare(f"{prefix}_x_s", transform_keypoints(motion))
    return Face(
        measured=measured, translation_z=motion.translation.reshape(count, 1, 3)[..., 2:], rest=rest
    )


def _ratios(landmarks: Floats) -> Floats:
    return np.concatenate([eye_close_ratios(landmarks)[0], lip_close_ratio(landmarks)[0]])


def _rest(landmarks: Floats) -> dict[str, float]:
    """Where the original's two sliders of openings rest."""
    eyes = np.mean(eye_close_ratios(landmarks)[0])
    return {
        "eyes": round(float(eyes), 2),
        "lips": round(float(lip_close_ratio(landmarks)[0, 0]), 2),
    }


def _edit(names: list[str], values: list[float], rest: dict[str, float]) -> PortraitEdit:
    """The edit of a row of slider values: openings act where they differ from their rest."""
    moved = {
        FIELDS.get(name, name): value
        for name, value in zip(names, values, strict=True)
        if value != rest.get(name)
    }
    return PortraitEdit(**moved)
