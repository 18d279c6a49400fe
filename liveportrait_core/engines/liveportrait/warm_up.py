"""One pass of everything LivePortrait needs, on blank pictures, at the batch sizes of a render.

The first pass of a network loads kernels and lets cuDNN choose its algorithms, which takes seconds
on a GPU; and it is what shows a card too small or unable. What is compiled without a pass is spared
one: on a CPU a frame alone takes longer than all the rest. Knows no portrait and no clip.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.motion.extraction import BATCH_FRAMES
from liveportrait_core.engines.liveportrait.networks import CROP_PX, KEYPOINT_COUNT, NETWORK_PX
from liveportrait_core.face.finders import FaceFinder
from liveportrait_core.face.tracking import LocateLandmarks

_BLANK_PX = 64  # in larger pictures without a face the detector looks at many tiles
_FIVE_POINTS = np.array(
    [[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]], np.float32
)  # eyes, nose and corners of the mouth of a face that fills a picture of side 1


def warm_up(
    model: Model, finder: FaceFinder, locate: LocateLandmarks | None, *, frame_batch: int
) -> None:
    """Run every network, the detector and the landmarks once.

    Args:
        model: the networks.
        finder: where detectors come from.
        locate: the landmarks; None: there are none.
        frame_batch: how many frames a render warps and decodes at once.

    Raises:
        OutOfMemory: the device is too small for such batches.
        RenderError: a network gives no numbers.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="warm-up") as pool:
        beside = pool.submit(_warm_up_finder, finder, locate)  # one thread's work, as most is
        warm_up_networks(model, frame_batch=frame_batch)
        beside.result()
    keypoints = np.zeros((1, KEYPOINT_COUNT, 3), np.float32)
    model.retarget_eyes(keypoints, np.zeros((1, 3), np.float32))
    model.retarget_lip(keypoints, np.zeros((1, 2), np.float32))


def _warm_up_finder(finder: FaceFinder, locate: LocateLandmarks | None) -> None:
    for find_face in (finder.portrait, finder.clip):
        with find_face() as find:
            find(np.zeros((_BLANK_PX, _BLANK_PX, 3), np.uint8))
    if locate is not None:
        locate(np.zeros((CROP_PX, CROP_PX, 3), np.uint8), _FIVE_POINTS * CROP_PX)


def warm_up_networks(model: Model, *, frame_batch: int) -> None:
    """Run F, M and stitching once, and W and G unless they are ready without.

    Args:
        model: the networks.
        frame_batch: how many frames a render warps and decodes at once.

    Raises:
        OutOfMemory, RenderError: as `warm_up`.
    """
    pictures = np.zeros((BATCH_FRAMES, NETWORK_PX, NETWORK_PX, 3), np.uint8)
    keypoints = np.zeros((frame_batch, KEYPOINT_COUNT, 3), np.float32)
    feature = model.extract_appearance(pictures[:1])
    for count in sorted({1, min(frame_batch, BATCH_FRAMES)}):
        model.extract_motion(pictures[:count])
    if not model.compile_frames():
        for count in sorted({1, frame_batch}):
            model.animate(feature, keypoints[:1], keypoints[:count])
    model.stitch(keypoints[:1], keypoints[:1])
