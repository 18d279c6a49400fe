"""What a stack is told about itself: versions in, sentences out."""

from dataclasses import replace

import pytest

from liveportrait_core.diagnostics import Driver, Gpu, OnnxRuntime, Stack, Torch, check
from liveportrait_core.options import Engine

L4 = Gpu(name="NVIDIA L4", memory_bytes=24 * 2**30)
RIGHT = Stack(
    engine=Engine.LIVEPORTRAIT,
    python="3.11.7",
    driver=Driver(version="580.82.07", cuda=(13, 0), gpus=(L4,)),
    torch=Torch(version="2.13.0+cu130", cuda=(13, 0), devices=1),
    onnxruntime=OnnxRuntime(
        version="1.31.1",
        installed=("onnxruntime-gpu",),
        cuda=(13, 0),
        runs_on="CUDAExecutionProvider",
    ),
    libraries=(),
    weights="0123456789ab",
)
ON_CPU = replace(
    RIGHT, driver=Driver(), torch=Torch(version="2.13.0+cpu", cuda=None, devices=0)
)  # onnxruntime-gpu also runs without a GPU


def only(stack: Stack, device: str = "cuda") -> str:
    (fault,) = check(stack, device=device)
    return fault


def onnx(**changes: object) -> Stack:
    assert RIGHT.onnxruntime is not None
    return replace(RIGHT, onnxruntime=replace(RIGHT.onnxruntime, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0", "cpu"])
def test_what_fits_together_has_no_faults(device: str) -> None:
    assert check(RIGHT, device=device) == ()


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_machine_without_a_gpu_is_right_unless_one_was_asked_for(device: str) -> None:
    assert check(ON_CPU, device=device) == ()


def test_a_gpu_that_was_asked_for_and_is_not_there() -> None:
    assert only(ON_CPU).startswith("the device cuda was asked for, and there is no NVIDIA driver")
    alone = replace(RIGHT, driver=Driver(version="580.1", cuda=(13, 0)))
    assert "driver 580.1, no GPU here" in only(alone)


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_driver_too_old_for_the_build_says_both_and_what_to_do(device: str) -> None:
    old = replace(RIGHT, driver=Driver(version="535.216.03", cuda=(12, 2), gpus=(L4,)))
    fault = only(old, device)
    assert fault.startswith("the driver is 535.216.03, which serves CUDA 12.2; torch 2.13.0+cu130 ")
    cure = ("driver 580 or newer", "DRIVER_LIBRARIES=compat", "docs/run/image.md")
    for words in ("CUDA 13.0", *cure):
        assert words in fault
    assert "\n" not in fault


def test_compatibility_libraries_make_an_old_driver_serve() -> None:
    helped = replace(RIGHT, driver=Driver(version="535.216.03", cuda=(13, 0), gpus=(L4,)))
    assert check(helped, device="cuda") == ()


def test_a_newer_driver_of_the_same_or_a_later_family_serves() -> None:
    for served in ((13, 3), (14, 0)):
        newer = replace(RIGHT, driver=Driver(version="610.1", cuda=served, gpus=(L4,)))
        assert check(newer, device="cuda") == ()


def test_compatibility_libraries_older_than_the_driver_are_named() -> None:
    complaint = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"
    driver = Driver(version="595.71.05", cuda=(13, 0), gpus=(L4,), complaint=complaint)
    fault = only(replace(RIGHT, driver=driver))
    assert complaint in fault
    assert "DRIVER_LIBRARIES=host" in fault


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_torch_without_cuda_beside_a_gpu(device: str) -> None:
    fault = only(replace(RIGHT, torch=Torch(version="2.13.0+cpu", cuda=None, devices=0)), device)
    assert "torch 2.13.0+cpu is a CPU build" in fault
    assert "NVIDIA L4" in fault


def test_a_torch_that_sees_no_device() -> None:
    blind = replace(RIGHT, torch=Torch(version="2.13.0+cu130", cuda=(13, 0), devices=0))
    assert "CUDA_VISIBLE_DEVICES" in only(blind)


def test_an_onnxruntime_of_another_cuda_family() -> None:
    fault = only(onnx(cuda=(12, 8), runs_on="CPUExecutionProvider"))
    assert "onnxruntime 1.31.1 runs on CPUExecutionProvider instead of CUDAExec" in fault
    assert "built for CUDA 12.8 and torch's libraries are those of CUDA 13.0" in fault


def test_an_onnxruntime_whose_provider_does_not_start() -> None:
    assert "instead of CUDAExecutionProvider. What" in only(onnx(runs_on="CPUExecutionProvider"))


def test_an_onnxruntime_without_cuda_beside_a_gpu() -> None:
    assert "onnxruntime 1.31.1 is a CPU build" in only(
        onnx(cuda=None, installed=("onnxruntime",), runs_on="CPUExecutionProvider")
    )


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_two_onnxruntimes_in_one_folder_are_refused_everywhere(device: str) -> None:
    fault = only(onnx(installed=("onnxruntime", "onnxruntime-gpu")), device)
    assert fault.startswith("onnxruntime and onnxruntime-gpu are both installed")


def test_the_mesh_engine_asks_for_no_gpu_and_can_use_none() -> None:
    mesh = replace(RIGHT, engine=Engine.MESH, torch=None, onnxruntime=None, driver=Driver())
    assert check(mesh, device="auto") == ()
    assert "the engine mesh draws on the CPU alone" in only(mesh)
