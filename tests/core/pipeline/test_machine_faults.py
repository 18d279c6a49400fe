"""What an exception tells of the machine under a render."""

from pathlib import Path

import pytest

from liveportrait_core.errors import DeviceLost, ImageNoFace, OutOfMemory, RenderError
from liveportrait_core.pipeline.machine_faults import cuda_fault
from liveportrait_core.pipeline.progress import RenderProgress
from liveportrait_core.pipeline.writer import publish
from liveportrait_core.report import RenderedVideo

ILLEGAL = """CUDA error: an illegal memory access was encountered
CUDA kernel errors might be asynchronously reported at some other API call."""


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (ILLEGAL, DeviceLost),
        ("CUDA error: unspecified launch failure", DeviceLost),
        ("CUDA error: uncorrectable ECC error encountered", DeviceLost),
        ("CUDA error: device-side assert triggered", DeviceLost),
        ("CUDA error: no kernel image is available for execution on the device", DeviceLost),
        ("CUDA driver error: unknown error", DeviceLost),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", DeviceLost),
        ("CUDA error: CUBLAS_STATUS_INTERNAL_ERROR when calling `cublasSgemm(...)`", DeviceLost),
        ("CUDA failure 700: an illegal memory access was encountered ; GPU=0", DeviceLost),
        ("[ONNXRuntimeError] : 11 : EP_FAIL : CUDA_ERROR_LAUNCH_FAILED", DeviceLost),
        ("CUDA out of memory. Tried to allocate 2.00 GiB", None),  # torch's own class tells it
        ("CUDA error: out of memory", OutOfMemory),
        ("CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY", OutOfMemory),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`", OutOfMemory),
        ("CUDA failure 2: out of memory ; GPU=0", OutOfMemory),
        ("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED", None),
        ("cuDNN error: CUDNN_STATUS_BAD_PARAM", None),
        ("The size of tensor a (3) must match the size of tensor b (4)", None),
        ("Torch not compiled with CUDA enabled", None),
        ("", None),
    ],
)
def test_a_message_tells_whether_the_gpu_is_lost(
    message: str, kind: type[RenderError] | None
) -> None:
    assert cuda_fault(message) is kind


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (RuntimeError(ILLEGAL), DeviceLost),
        (RuntimeError("a defect"), RuntimeError),
        (ImageNoFace("a portrait named CUDA error.png"), ImageNoFace),
    ],
)
def test_a_render_ends_with_what_it_means(
    tmp_path: Path, fault: Exception, kind: type[Exception]
) -> None:
    def work(progress: RenderProgress, video: Path, poster: Path) -> RenderedVideo:
        raise fault

    with pytest.raises(kind) as raised:
        publish(work, tmp_path / "idle.mp4", None, None)
    assert type(raised.value) is kind
    assert list(tmp_path.iterdir()) == []
    if kind is DeviceLost:
        assert "illegal memory access" in str(raised.value)
        assert "asynchronously" not in str(raised.value)
