"""The networks W and G in their fast forms, computed by torch: for CUDA.

Weights are stored in the precision and with channels last, so that no convolution converts them or
turns its input around. Coordinates, softmax and the sums of norms stay in float32. On CUDA a frame
is some hundred kernels, so they are recorded once for each batch size and replayed as one graph.
"""

import copy
import threading
import weakref
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.fast.decoding import Decode
from liveportrait_core.engines.liveportrait.fast.generator import in_any_layout
from liveportrait_core.engines.liveportrait.fast.hints import axis_hints
from liveportrait_core.engines.liveportrait.fast.warping import Compress, MotionField
from liveportrait_core.engines.liveportrait.networks import NETWORK_PX
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.networks.grid import sample_volume
from liveportrait_core.engines.liveportrait.runtimes.cuda_graphs import RecordedGraph
from liveportrait_core.engines.liveportrait.runtimes.device import Precision
from liveportrait_core.engines.liveportrait.runtimes.torch_runtime import TorchRuntime, arithmetic


class FastTorchRuntime(TorchRuntime):
    """The plain runtime, but for W and G in one precision."""

    def __init__(
        self,
        networks: Networks,
        device: torch.device,
        precision: Precision,
        *,
        batches: Sequence[int] = (),
        picture_px: int = NETWORK_PX,
    ) -> None:
        """Make the forms.

        Args:
            networks: are moved to the device.
            device: where all is computed.
            precision: what the forms are stored and computed in.
            batches: batch sizes to record on CUDA; a smaller batch is filled up to one of them.
            picture_px: side of the pictures of F; another than the usual one only in tests.
        """
        super().__init__(networks, device)
        self._precision = precision
        dense = networks.warping_module.dense_motion
        self._compress = Compress(dense)
        self._compressed: tuple[weakref.ref[Tensor], Tensor] | None = None
        size = networks.appearance_feature_extractor.volume_size(picture_px)
        self._field = _stored(MotionField(dense, size), precision)
        self._decode = _stored(Decode(networks, in_any_layout), precision)
        self._batches = sorted(set(batches)) if device.type == "cuda" else []
        self._graphs: dict[int, RecordedGraph] = {}
        self._lock = threading.Lock()  # a graph has one memory

    def warp_decode(
        self, feature: Tensor, source: Tensor, driving: Tensor, precision: Precision
    ) -> Tensor:
        """As the port says; in another precision than the forms', by the plain networks."""
        if precision is not self._precision:
            return super().warp_decode(feature, source, driving, precision)
        with self._lock, torch.inference_mode(), arithmetic(self._device, Precision.FP32):
            given = feature, self._compressed_of(feature), source
            count = len(driving)
            batch = next((size for size in self._batches if size >= count), None)
            if batch is None:
                return self._frames(*given, driving)
            filled = torch.cat([driving, driving[-1:].expand(batch - count, -1, -1)])
            if batch not in self._graphs:
                self._graphs[batch] = RecordedGraph(self._frames, *given, filled)
            return self._graphs[batch](*given, filled)[:count]

    def _frames(
        self, feature: Tensor, compressed: Tensor, source: Tensor, driving: Tensor
    ) -> Tensor:
        depth, height, width = feature.shape[2:]
        hints = axis_hints(driving, source.expand_as(driving), (depth, height, width))
        compressed, feature = (
            each.expand(len(driving), -1, -1, -1, -1) for each in (compressed, feature)
        )
        deformation, occlusion = self._field(compressed, source - driving, *hints)
        image: Tensor = self._decode(sample_volume(feature, deformation), occlusion)
        return image

    def _compressed_of(self, feature: Tensor) -> Tensor:
        """Return what depends on the portrait alone, computed once for each."""
        if self._compressed is None or self._compressed[0]() is not feature:
            self._compressed = weakref.ref(feature), self._compress(feature)
        return self._compressed[1]


def _stored(form: nn.Module, precision: Precision) -> nn.Module:
    """Return a copy whose convolutions have their weights in this precision, channels last."""
    form = copy.deepcopy(form)
    for module in form.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            is_flat = isinstance(module, nn.Conv2d)
            last = torch.channels_last if is_flat else torch.channels_last_3d
            weight = module.weight.to(precision.dtype, memory_format=last)
            module.weight = nn.Parameter(weight, requires_grad=False)
            if module.bias is not None:
                bias = module.bias.to(precision.dtype)
                module.bias = nn.Parameter(bias, requires_grad=False)
    return form
