"""`geometry.npz`: crops, paste-back, resizing, and what enters and leaves the networks."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.driving import FixedCrop, resize_to_network
from liveportrait_core.engines.liveportrait.model import Model, frames_from_images
from liveportrait_core.engines.liveportrait.source.crop import (
    crop_source,
    fit_portrait,
    network_frame,
    portrait_points,
)
from liveportrait_core.engines.liveportrait.source.paste_back import PasteBack
from liveportrait_core.face.crop import (
    FaceCrop,
    Points,
    crop_face,
    cut_crop,
    map_points,
    oriented_box,
    reference_points,
    square_matrix,
)
from liveportrait_core.face.detector import FoundFace
from liveportrait_core.face.tracking import locate_face, track_face
from liveportrait_core.media.pictures.image import fitted_size, scaled_size
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame
from tests.golden.recipe import Mix, block_means
from tests.parity.detection import check_detection
from tests.parity.golden_set import FEW_SAMPLES, GoldenFile

ANY_SIZE = 10**9


def check_geometry(golden: GoldenFile, model: Model) -> None:
    """Compare every array of the file."""
    picture = golden.seeds.lattice("geo/image", 420, 560, 20)
    golden.compare_picture("image", picture)
    parameters = json.loads(str(golden.given("crop_params_json")))
    for name, arguments in parameters.items():
        _check_crop(golden, picture, name, arguments)
    _check_patches(golden, picture)
    _check_square(golden, picture)
    _check_paste_back(golden, picture)
    _check_resizing(golden)
    frames = [
        golden.seeds.lattice("cr/f", 420, 560, 20, mix=Mix(name="cr/g", part=i, whole=8))
        for i in range(4)
    ]
    golden.compare_picture("cr_frames", np.stack(frames))
    _check_portrait(golden, frames[0])
    _check_source_clip(golden, frames)
    _check_driving_clip(golden, frames)
    _check_network_pictures(golden, model, frames[0])
    check_detection(golden, picture)


def _check_crop(golden: GoldenFile, picture: Frame, name: str, arguments: dict[str, Any]) -> None:
    points = golden.given(f"crop_{name}_lmk")
    vy_ratio, scale = arguments.get("vy_ratio", -0.1), arguments.get("scale", 1.5)
    crop = _crop(picture, points, arguments)
    golden.compare_relative(f"crop_{name}_M_o2c", crop.original_to_crop)
    golden.compare_relative(f"crop_{name}_M_c2o", crop.crop_to_original)
    golden.compare(f"crop_{name}_pt", map_points(points, crop.original_to_crop))
    golden.compare_summary(f"crop_{name}_img", crop.picture, few=FEW_SAMPLES)
    golden.compare(f"crop_{name}_small", block_means(crop.picture, 8))
    golden.compare(f"crop_{name}_pt2", reference_points(points))
    golden.compare(f"crop_{name}_pt2_nolip", reference_points(points, with_lip=False))
    box = oriented_box(points, scale=scale, vy_ratio=vy_ratio, vx_ratio=0.1)
    golden.compare(f"crop_{name}_rect_vx01", [*box.centre, box.side_px, box.side_px, box.angle_rad])
    box = oriented_box(points, scale=2.2, vy_ratio=-0.1)
    golden.compare(f"crop_{name}_bbox", box.upright_corners())
    golden.compare(f"crop_{name}_bbox_rot", box.corners())


def _check_patches(golden: GoldenFile, picture: Frame) -> None:
    """Pixels of crop b, cut with the golden matrix and therefore exact."""
    crop = cut_crop(picture, golden.given("crop_b_M_o2c"), 512)
    golden.compare("crop_b_img_patch_200_296", crop.picture[200:296, 200:296])
    golden.compare("crop_b_256_area", network_frame(crop))
    golden.compare("crop_b_256_linear", resize_to_network(crop.picture))


def _check_square(golden: GoldenFile, picture: Frame) -> None:
    box = golden.given("bbox_crop_bbox").tolist()
    crop = cut_crop(picture, square_matrix(box, size_px=512), 512)
    golden.compare_relative("bbox_crop_M_o2c", crop.original_to_crop)
    golden.compare_relative("bbox_crop_M_c2o", crop.crop_to_original)
    points = golden.given("crop_d_lmk")
    golden.compare("bbox_crop_lmk", map_points(points, crop.original_to_crop))
    golden.compare_summary("bbox_crop_img", crop.picture, few=FEW_SAMPLES)
    golden.compare("bbox_crop_small", block_means(crop.picture, 8))
    turned = square_matrix(box, size_px=256, angle_rad=0.3)
    golden.compare_relative("bbox_crop_rot_M_o2c", turned)


def _check_paste_back(golden: GoldenFile, picture: Frame) -> None:
    crop = golden.seeds.lattice("geo/gen", 512, 512, 32)
    golden.compare_picture("paste_gen", crop)
    own = crop_source(picture, golden.given("crop_f_lmk"), RenderOptions())
    golden.compare_relative("paste_f_M_c2o", own.crop_to_original)
    for name in ("b", "c", "e", "f"):
        paste_back = PasteBack.prepare(picture, golden.given(f"paste_{name}_M_c2o"))
        mask = np.zeros(picture.shape, np.float32)
        mask[paste_back.box.slices] = paste_back.mask
        blended = paste_back.blend(crop)
        golden.compare_summary(f"paste_{name}_mask", mask)
        golden.compare(f"paste_{name}_mask_small", block_means(mask, 10))
        golden.compare_summary(f"paste_{name}_img", blended)
        golden.compare(f"paste_{name}_small", block_means(blended, 10))
        if name == "b":
            golden.compare("paste_b_mask_u8", np.round(255 * mask[..., 0]).astype(np.uint8))
            golden.compare("paste_b_img_patch_150_246", blended[150:246, 220:316])


def _check_resizing(golden: GoldenFile) -> None:
    sizes = []
    for height, width, max_dim, multiple, *_ in golden.arrays["resize_rows"].tolist():
        limit = max_dim or ANY_SIZE
        if multiple == 2:
            new_width, new_height = fitted_size(width, height, limit)
        else:  # the product cuts to even sides only
            scaled = scaled_size(width, height, limit)
            cut = [side - side % multiple for side in scaled]
            new_width, new_height = cut if all(cut) else scaled
        sizes.append([height, width, max_dim, multiple, new_height, new_width])
    golden.compare("resize_rows", sizes)
    large = golden.seeds.lattice("geo/big", 301, 401, 10)
    golden.compare_picture("resize_in", large)
    golden.compare("resize_out", fit_portrait(large, 200))


def _check_portrait(golden: GoldenFile, portrait: Frame) -> None:
    face = locate_face(portrait, _detector(golden), _landmarks(golden))
    assert face is not None
    crop = crop_source(portrait, portrait_points(face), RenderOptions())
    golden.compare_relative("cr_srcimg_M_o2c", crop.original_to_crop)
    golden.compare_relative("cr_srcimg_M_c2o", crop.crop_to_original)
    golden.compare("cr_srcimg_pt_crop", map_points(face.detected, crop.original_to_crop))
    golden.compare("cr_srcimg_lmk_crop", face.landmarks)
    golden.compare_levels("cr_srcimg_img_crop_256x256", network_frame(crop), share=1e-3)


def _check_source_clip(golden: GoldenFile, frames: list[Frame]) -> None:
    track = track_face(frames, _detector(golden), _landmarks(golden))
    crops = [
        (crop_source(frame, points, RenderOptions()), points)
        for frame, points in zip(frames, track.landmarks, strict=True)
        if points is not None
    ]
    maps = np.stack([crop.crop_to_original for crop, _ in crops])
    golden.compare_relative("cr_srcvid_M_c2o", maps)
    golden.compare(
        "cr_srcvid_lmk",
        np.stack([map_points(points, crop.original_to_crop) / 2 for crop, points in crops]),
    )
    golden.compare(
        "cr_srcvid_small", np.stack([block_means(network_frame(crop), 8) for crop, _ in crops])
    )


def _check_driving_clip(golden: GoldenFile, frames: list[Frame]) -> None:
    track = track_face(frames, _detector(golden), _landmarks(golden))
    faces = [points for points in track.landmarks if points is not None]
    view = FixedCrop.around(faces)
    golden.compare("cr_drv_lmk", np.stack([view.points(points) for points in faces]))
    golden.compare("cr_drv_small", np.stack([block_means(view.crop(f), 8) for f in frames]))
    golden.compare_levels("cr_drv_256_frame1", view.network_frame(frames[1]), share=1e-3)


def _check_network_pictures(golden: GoldenFile, model: Model, frame: Frame) -> None:
    images = model.images_from_frames(resize_to_network(frame)[None])
    golden.compare_summary("prepare_source_nonsquare", images.numpy())
    output = torch.from_numpy(golden.given("parse_in"))
    golden.compare("parse_out", frames_from_images(output))


def _crop(picture: Frame, points: Points, arguments: dict[str, Any]) -> FaceCrop:
    return crop_face(
        picture,
        points,
        size_px=arguments.get("dsize", 224),
        scale=arguments.get("scale", 1.5),
        vy_ratio=arguments.get("vy_ratio", -0.1),
        upright=arguments.get("flag_do_rot", True),
    )


def _detector(golden: GoldenFile) -> Any:
    """A detector that always gives the file's 106 points."""
    found = FoundFace(points=golden.given("cr_l106"), alone=True)
    return lambda _: found


def _landmarks(golden: GoldenFile) -> Any:
    """A landmark network that gives the file's points, frame by frame."""
    points: Iterator[NDArray[np.float32]] = iter(golden.given("cr_l203"))
    return lambda *_: next(points)
