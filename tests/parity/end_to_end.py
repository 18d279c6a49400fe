"""`e2e.npz`: one render with the production settings, from two pictures to pasted frames."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from liveportrait_core.engines.liveportrait.driving import FixedCrop, analyse_driving
from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.motion.pose import Floats, transform_keypoints
from liveportrait_core.engines.liveportrait.source.crop import (
    crop_source,
    fit_portrait,
    network_frame,
)
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.face.detector import FoundFace
from liveportrait_core.face.tracking import FindFace, LocateLandmarks
from liveportrait_core.face.upright import QuarterTurns
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame
from tests.golden.recipe import Mix, block_means
from tests.parity.golden_set import GoldenFile
from tests.parity.watching import watched

FPS = Fraction(25)
PRODUCTION = RenderOptions(loop=False)  # the original has no loop; all else is the default


def check_end_to_end(golden: GoldenFile, model: Model) -> None:
    """Compare every array of the file."""
    portrait = golden.seeds.lattice("e2e/source", 1802, 1303, 34)
    golden.compare_picture("source_image", portrait)
    frames = [
        golden.seeds.lattice(
            "e2e/driving", 640, 480, 16, mix=Mix(name="e2e/driving2", part=2 * i, whole=8)
        )
        for i in range(4)
    ]
    golden.compare_picture("driving_images", np.stack(frames))
    _check_crops(golden, portrait, frames)

    finder = _GivenFaces(golden)
    engine = LivePortraitEngine(model, finder, _in_turn(golden, "source_lmk203"), digests=())
    prepared = engine.prepare(portrait, PRODUCTION)
    golden.compare_summary("f_s", prepared.feature.numpy())
    template = _analyse(golden, model, finder, frames)
    _check_template(golden, template)
    driven = engine.drive(prepared, template, PRODUCTION)
    golden.compare("x_s", driven.source)
    golden.compare("x_d_pre_stitch", driven.composed)
    golden.compare("x_d_post_stitch", driven.stitched)
    golden.compare("x_d", driven.final)
    networks = {"warped": model.networks.warping_module, "picture": model.networks.spade_generator}
    with watched(networks) as seen:
        frames = list(engine.animate(prepared, template, PRODUCTION))
    if seen["picture"]:  # another runtime than torch does not let its networks be watched
        _check_networks(golden, seen)
    _check_frames(golden, frames)
    # The names of the original's files; the product writes one file where it is told to.
    golden.given("written_names")


def _check_crops(golden: GoldenFile, portrait: Frame, frames: list[Frame]) -> None:
    resized = fit_portrait(portrait, PRODUCTION.source_max_dim_px)
    golden.compare("source_resized_shape", resized.shape)
    golden.compare_summary("source_resized", resized)
    golden.compare("source_resized_small", block_means(resized, 25))
    crop = crop_source(resized, golden.given("source_lmk106"), PRODUCTION)
    golden.compare_relative("M_o2c", crop.original_to_crop)
    golden.compare_relative("M_c2o", crop.crop_to_original)
    golden.compare_levels("source_256", network_frame(crop), share=1e-3)
    view = FixedCrop.around(golden.given("driving_lmk203"))
    pictures = np.stack([view.network_frame(frame) for frame in frames])
    golden.compare_levels("driving_256", pictures, share=1e-3)


def _analyse(
    golden: GoldenFile, model: Model, finder: "_GivenFaces", frames: list[Frame]
) -> LivePortraitMotion:
    # Not `engine.analyse`, which refuses so short a clip.
    with finder.clip() as find:
        return analyse_driving(
            frames,
            FPS,
            find=find,
            locate=_in_turn(golden, "driving_lmk203"),
            extract=model.extract_motion,
        )


def _check_template(golden: GoldenFile, template: LivePortraitMotion) -> None:
    motion = template.measured.motion
    for name, values in (
        ("scale", motion.scale),
        ("R", motion.rotation),
        ("exp", motion.expression),
        ("t", motion.translation),
        ("kp", motion.canonical_keypoints),
        ("x_s", transform_keypoints(motion)),
        ("c_eyes", template.measured.eye_ratios),
        ("c_lip", template.measured.lip_ratios),
    ):
        golden.compare(f"template_{name}", values[:, None])
    golden.compare("template_n_frames", template.frame_count)
    golden.compare("template_output_fps", float(template.fps))
    golden.compare("written_fps", [float(template.fps)] * 2)


def _check_networks(golden: GoldenFile, seen: dict[str, list[Any]]) -> None:
    """What happens between the key points and the pictures, frame by frame."""
    deformations = torch.cat([warped.deformation for warped in seen["warped"]]).numpy()
    occlusions = torch.cat([warped.occlusion for warped in seen["warped"]]).numpy()
    pictures = torch.cat(seen["picture"]).numpy()
    golden.compare("occlusion", occlusions)
    for i in range(len(pictures)):
        golden.compare_summary(f"deformation_{i}", deformations[i : i + 1])
        golden.compare_summary(f"gen_{i}", pictures[i : i + 1])
        golden.compare(f"gen_small_{i}", block_means(pictures[i].transpose(1, 2, 0), 8))


def _check_frames(golden: GoldenFile, frames: list[Frame]) -> None:
    y0, y1, x0, x1 = golden.given("final_patch_box_yyxx").tolist()
    golden.compare("final_shape", frames[0].shape)
    for i, frame in enumerate(frames):
        golden.compare_summary(f"final_{i}", frame, few=0.02)
        golden.compare(f"final_small_{i}", block_means(frame, 10))
        golden.compare_levels(f"final_patch_{i}", frame[y0:y1, x0:x1], share=0.02)


@dataclass(frozen=True)
class _GivenFaces:
    """A finder that gives the file's 106 points, of the portrait and of every driving frame."""

    golden: GoldenFile

    @property
    def version(self) -> str:
        return "given"

    def portrait(self) -> AbstractContextManager[FindFace]:
        return nullcontext(self._always("source_lmk106"))

    def clip(self) -> AbstractContextManager[FindFace]:
        return nullcontext(self._always("driving_lmk106"))

    def upright(self) -> AbstractContextManager[QuarterTurns]:
        return nullcontext(lambda _: 0)

    def _always(self, array: str) -> FindFace:
        found = FoundFace(points=self.golden.given(array), alone=True)
        return lambda _: found


def _in_turn(golden: GoldenFile, array: str) -> LocateLandmarks:
    """A landmark network that gives the file's 203 points, frame by frame."""
    points: Iterator[Floats] = iter(golden.given(array).reshape(-1, 203, 2))
    return lambda *_: next(points)
