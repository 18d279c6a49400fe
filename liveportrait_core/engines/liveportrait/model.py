"""LivePortrait's networks as one typed object that owns device and precision.

Pictures and key points come in and go out as numpy arrays; only the appearance feature stays on the
device. Here, and only here, uint8 pictures become float batches and back. Knows no crop, no clip
and no option of a render.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.motion.pose import (
    Floats,
    Motion,
    head_pose_degrees,
    rotation_matrix,
)
from liveportrait_core.engines.liveportrait.motion.retargeting import (
    apply_stitching,
    retargeting_input,
    stitching_input,
)
from liveportrait_core.engines.liveportrait.networks.all_networks import (
    Networks,
    empty_networks,
)
from liveportrait_core.engines.liveportrait.networks.motion_extractor import MotionHeads
from liveportrait_core.engines.liveportrait.networks.official import (
    StateDict,
    load_official,
)
from liveportrait_core.engines.liveportrait.networks.stitching_retargeting import (
    KeypointPerceptron,
)
from liveportrait_core.engines.liveportrait.runtimes.base import NetworkRuntime
from liveportrait_core.engines.liveportrait.runtimes.device import DeviceChoice, Precision
from liveportrait_core.engines.liveportrait.runtimes.torch_runtime import TorchRuntime
from liveportrait_core.engines.liveportrait.runtimes.transfers import download, upload
from liveportrait_core.errors import CheckpointMismatch, OutOfMemory, RenderError
from liveportrait_core.weights.checkpoints import foreign_file, read_perceptrons, read_state
from liveportrait_core.weights.manifest import NETWORK_CHECKPOINTS, Checkpoint

log = logging.getLogger(__name__)

AppearanceFeature = Tensor
"""1×32×16×64×64 float32, on the model's device: the portrait as the warping module wants it."""

Frames = NDArray[np.uint8]
"""B×H×W×3, RGB."""

Output = TypeVar("Output", Tensor, MotionHeads)


def load_networks(
    folder: Path, checkpoints: Sequence[Checkpoint] = NETWORK_CHECKPOINTS
) -> Networks:
    """Return the networks with the weights of a folder, on the CPU, mapped from the files.

    Args:
        folder: the weights folder.
        checkpoints: those of F, M, W and G first.

    Raises:
        EngineUnavailable: a file is missing, damaged or another network's; it names the file.
    """
    networks = load_perceptrons(folder)
    for checkpoint, network in zip(checkpoints, networks.large, strict=False):
        path, state = read_state(folder, checkpoint)
        _load(network, state, folder, path)
    return networks


def load_perceptrons(folder: Path) -> Networks:
    """Return the networks with the weights of S and R alone; the large ones stay without.

    Raises:
        EngineUnavailable: as `load_networks`.
    """
    networks = empty_networks()
    path, states = read_perceptrons(folder)
    _load(networks.stitching, states["retarget_shoulder"], folder, path)
    _load(networks.lip_retargeting, states["retarget_mouth"], folder, path)
    _load(networks.eye_retargeting, states["retarget_eye"], folder, path)
    return networks


def _load(network: nn.Module, state: StateDict, folder: Path, path: Path) -> None:
    try:
        load_official(network, state)
    except CheckpointMismatch as error:
        expected = f"the official weights of {type(network).__name__}"
        raise foreign_file(folder, path, expected, str(error)) from error


class Model:
    """What the networks can do, on one device.

    S and R stay on the CPU in float32: a whole clip is one batch of microseconds for them.
    """

    def __init__(
        self, networks: Networks, choice: DeviceChoice, runtime: NetworkRuntime | None = None
    ) -> None:
        """Take the networks.

        Args:
            networks: where a runtime is given, only S and R need weights.
            choice: device and precision.
            runtime: computes F, M, W and G; None: torch does, from the networks.
        """
        self.choice = choice
        self.networks = networks
        self.fp32_repeats = 0  # batches that had to be computed again in fp32
        self._runtime = runtime or TorchRuntime(networks, choice.device)
        log.info("networks on %s", choice, extra={"device": str(choice.device)})

    def extract_appearance(self, portrait: Frames) -> AppearanceFeature:
        """F: 1×256×256×3 → the appearance feature."""
        image = self.images_from_frames(portrait)
        return self._compute(
            "the appearance feature",
            lambda precision: self._runtime.extract_appearance(image, precision),
        )

    def extract_motion(self, frames: Frames) -> Motion:
        """M: B×256×256×3 → the motion of B frames."""
        images = self.images_from_frames(frames)
        return motion_from_heads(
            self._compute(
                "the motion", lambda precision: self._runtime.extract_motion(images, precision)
            )
        )

    def compile_frames(self) -> bool:
        """Make W and G ready without drawing a frame; False: only drawing one does."""
        return self._runtime.compile_frames(self.choice.precision)

    def animate(
        self, feature: AppearanceFeature, source_keypoints: Floats, driving_keypoints: Floats
    ) -> Frames:
        """W and G: 1×21×3 source and B×21×3 driving key points → B×512×512×3."""
        return download(self._pixels(feature, source_keypoints, driving_keypoints))

    def animate_pasted(
        self,
        feature: AppearanceFeature,
        source_keypoints: Floats,
        driving_keypoints: Floats,
        paste: Callable[[Tensor], Tensor],
    ) -> Frames:
        """As `animate`, and give what `paste` makes of the crops on the device: B×h×w×3 uint8."""
        return download(paste(self._pixels(feature, source_keypoints, driving_keypoints)))

    def _pixels(
        self, feature: AppearanceFeature, source_keypoints: Floats, driving_keypoints: Floats
    ) -> Tensor:
        source, driving = self._tensor(source_keypoints), self._tensor(driving_keypoints)
        images = self._compute(
            "the frames",
            lambda precision: self._runtime.warp_decode(feature, source, driving, precision),
        )
        return pixels_from_images(images)

    def stitch(self, source_keypoints: Floats, driving_keypoints: Floats) -> Floats:
        """S: B×21×3 twice → B×21×3 driving key points that meet the photograph's shoulders."""
        offsets = self.stitching_offsets(source_keypoints, driving_keypoints)
        return apply_stitching(driving_keypoints, offsets)

    def stitching_offsets(self, source_keypoints: Floats, driving_keypoints: Floats) -> Floats:
        """S: B×21×3 twice → B×65, as `retargeting.apply_stitching` takes it."""
        question = stitching_input(source_keypoints, driving_keypoints)
        return ask(self.networks.stitching, question)

    def retarget_eyes(self, source_keypoints: Floats, ratios: Floats) -> Floats:
        """R: B×21×3 and B×3 (left, right, wanted) → B×21×3 offsets."""
        return _retarget(self.networks.eye_retargeting, source_keypoints, ratios)

    def retarget_lip(self, source_keypoints: Floats, ratios: Floats) -> Floats:
        """R: B×21×3 and B×2 (lip, wanted) → B×21×3 offsets."""
        return _retarget(self.networks.lip_retargeting, source_keypoints, ratios)

    def images_from_frames(self, frames: Frames) -> Tensor:
        """B×H×W×3 uint8 → B×3×H×W float32 in [0, 1] on the device."""
        pixels = upload(frames, self.choice.device)
        return pixels.permute(0, 3, 1, 2).float() / 255

    def _tensor(self, array: Floats) -> Tensor:
        return upload(np.asarray(array, np.float32), self.choice.device)

    def _compute(self, what: str, compute: Callable[[Precision], Output]) -> Output:
        """Compute a batch; if it is not finite in half precision, once more in fp32."""
        precision = self.choice.precision
        try:
            result = compute(precision)
            if precision is not Precision.FP32 and not _is_finite(result):
                self.fp32_repeats += 1
                log.warning(
                    "%s came out not finite in %s on %s: computed again in fp32 (time no. %d)."
                    " If this goes on, choose precision fp32",
                    what, precision, self.choice.device, self.fp32_repeats,
                )  # fmt: skip
                result = compute(Precision.FP32)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(f"{self.choice.device} ran out of memory computing {what}") from error
        if not _is_finite(result):
            raise RenderError(f"{what} came out not finite even in fp32 on {self.choice.device}")
        return result


def motion_from_heads(heads: MotionHeads) -> Motion:
    """M's raw output in the terms of `liveportrait_core.engines.liveportrait.motion.pose`."""
    pitch, yaw, roll = (
        head_pose_degrees(_array(logits)) for logits in (heads.pitch, heads.yaw, heads.roll)
    )
    return Motion(
        canonical_keypoints=_array(heads.canonical_keypoints),
        rotation=rotation_matrix(pitch, yaw, roll),
        expression=_array(heads.expression),
        scale=_array(heads.scale),
        translation=_array(heads.translation),
    )


def frames_from_images(images: Tensor) -> Frames:
    """B×3×H×W in [0, 1] → B×H×W×3 uint8; what lies between two levels takes the lower."""
    return download(pixels_from_images(images))


def pixels_from_images(images: Tensor) -> Tensor:
    """Do so on the device."""
    pixels = (images.float().clamp(0, 1) * 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous()


def _array(tensor: Tensor) -> Floats:
    return tensor.float().cpu().numpy()


def ask(network: KeypointPerceptron, question: Floats) -> Floats:
    """Put B×n numbers to a small network, on the CPU in float32."""
    with torch.inference_mode():
        return _array(network(torch.from_numpy(np.ascontiguousarray(question, np.float32))))


def _retarget(network: KeypointPerceptron, source_keypoints: Floats, ratios: Floats) -> Floats:
    offsets = ask(network, retargeting_input(source_keypoints, ratios))
    return offsets.reshape(source_keypoints.shape)


def _is_finite(result: Tensor | MotionHeads) -> bool:
    tensors = (result,) if isinstance(result, Tensor) else result
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
