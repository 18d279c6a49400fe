"""The networks in their fast forms, computed by OpenVINO on a CPU.

F and M always compute in fp32: what they give decides where the face moves, in every later frame.
Between the graphs torch does what OpenVINO has not: hints along the axes and sampling a volume.
"""

import threading
import weakref
from typing import Any

import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.fast.hints import axis_hints
from liveportrait_core.engines.liveportrait.networks.grid import sample_volume
from liveportrait_core.engines.liveportrait.networks.motion_extractor import MotionHeads
from liveportrait_core.engines.liveportrait.runtimes.device import Precision
from liveportrait_core.engines.liveportrait.runtimes.openvino.conversion import ir_path
from liveportrait_core.engines.liveportrait.runtimes.openvino.graphs import (
    APPEARANCE,
    COMPRESS,
    CONTEXT,
    DECODE_END,
    DECODE_START,
    DEFORMATION,
    FRAME_GRAPHS,
    MOTION,
    graph_precision,
)
from liveportrait_core.engines.liveportrait.runtimes.openvino.model_cache import ModelCache
from liveportrait_core.engines.liveportrait.runtimes.processor import usable_cpus

_HINTS = {Precision.FP32: "f32", Precision.BF16: "bf16"}


class OpenVinoRuntime:
    """Satisfies `NetworkRuntime`. One call at a time computes, with all threads."""

    def __init__(self, cache: ModelCache) -> None:
        """Compile nothing yet; the graphs are the cache's."""
        import openvino

        self._core = openvino.Core()
        self._cache = cache
        self._threads = usable_cpus()
        self._requests: dict[tuple[str, Precision], Any] = {}
        self._lock = threading.RLock()
        self._compressed: tuple[weakref.ref[Tensor], Tensor] | None = None

    def extract_appearance(self, images: Tensor, precision: Precision) -> Tensor:
        """As the port says; in fp32."""
        del precision
        with self._lock:
            (feature,) = self._infer(APPEARANCE, Precision.FP32, images)
        return feature

    def extract_motion(self, images: Tensor, precision: Precision) -> MotionHeads:
        """As the port says; in fp32, picture by picture."""
        del precision
        with self._lock:
            heads = [self._infer(MOTION, Precision.FP32, image[None]) for image in images]
        return MotionHeads(*(torch.cat(parts) for parts in zip(*heads, strict=True)))

    def compile_frames(self, precision: Precision) -> bool:
        """Compile the graphs; the first frame then takes as long as any."""
        with self._lock:
            self._request(COMPRESS, Precision.FP32)
            for name in FRAME_GRAPHS:
                self._request(name, graph_precision(name, precision))
        return True

    def warp_decode(
        self, feature: Tensor, source: Tensor, driving: Tensor, precision: Precision
    ) -> Tensor:
        """As the port says, frame by frame."""
        with self._lock, torch.inference_mode():
            compressed = self._compress(feature)
            frames = [
                self._frame(feature, compressed, source, driving[i : i + 1], precision)
                for i in range(len(driving))
            ]
        return torch.cat(frames)

    def release_all(self) -> None:
        """Let go of what was compiled, and of its memory; it is compiled again when needed."""
        with self._lock:
            self._requests.clear()

    def _frame(
        self,
        feature: Tensor,
        compressed: Tensor,
        source: Tensor,
        driving: Tensor,
        precision: Precision,
    ) -> Tensor:
        depth, height, width = feature.shape[2:]
        hints = axis_hints(driving, source, (depth, height, width))

        def infer(name: str, *inputs: Tensor) -> list[Tensor]:
            return self._infer(name, graph_precision(name, precision), *inputs)

        context, occlusion = infer(CONTEXT, compressed, *hints)
        (deformation,) = infer(DEFORMATION, context, source - driving)
        moved = sample_volume(feature, deformation)
        begun, label = infer(DECODE_START, moved, occlusion)
        (image,) = infer(DECODE_END, begun, label)
        return image

    def _compress(self, feature: Tensor) -> Tensor:
        """Return what depends on the portrait alone, computed once for each."""
        if self._compressed is None or self._compressed[0]() is not feature:
            (compressed,) = self._infer(COMPRESS, Precision.FP32, feature)
            self._compressed = weakref.ref(feature), compressed
        return self._compressed[1]

    def _infer(self, name: str, precision: Precision, *inputs: Tensor) -> list[Tensor]:
        request = self._request(name, precision)
        request.infer([value.numpy() for value in inputs], share_inputs=True)
        # Copied: the next call writes into the same memory.
        return [torch.from_numpy(each.data.copy()) for each in request.output_tensors]

    def _request(self, name: str, precision: Precision) -> Any:
        request = self._requests.get((name, precision))
        if request is None:
            compiled = self._core.compile_model(
                ir_path(self._cache.folder, name), "CPU", self._settings(precision)
            )
            request = self._requests[name, precision] = compiled.create_infer_request()
        return request

    def _settings(self, precision: Precision) -> dict[str, Any]:
        return {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": 1,
            # A thread held to one core waits there for whatever else runs on it: the encoder.
            "ENABLE_CPU_PINNING": False,
        }
