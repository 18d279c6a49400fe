"""What is wrong with a stack for the wanted device: a sentence each, with the remedy.

Pure. A GPU that is there and cannot be used is a fault even where any device would do: a render on
the CPU would be right and many times too slow, without a message.
"""

from collections.abc import Iterator

from liveportrait_core.diagnostics.driver import Driver, Version
from liveportrait_core.diagnostics.stack import OnnxRuntime, Stack, Torch
from liveportrait_core.face.session import CUDA_PROVIDER
from liveportrait_core.options import Engine

_DRIVER_FOR_CUDA = {12: 525, 13: 580}  # the oldest driver branch that serves a CUDA family
_CURE = "What to do: docs/run/image.md, Drivers"


def check(stack: Stack, *, device: str) -> tuple[str, ...]:
    """Judge.

    Args:
        stack: what stands here.
        device: as `liveportrait_core.engines.liveportrait.runtimes.device.choose_device` takes it.
    """
    if stack.engine is Engine.MESH:
        return tuple(_of_mesh(device))
    found = list(_of_onnxruntime_installed(stack.onnxruntime))
    if device.startswith("cuda") or (device == "auto" and stack.driver.gpus):
        found += _of_gpu(stack, device)
    return tuple(found)


def _of_mesh(device: str) -> Iterator[str]:
    if device.startswith("cuda"):
        yield (
            f"the device {device} was asked for, and the engine mesh draws on the CPU alone; "
            "accepted: device auto or cpu, or the engine liveportrait"
        )


def _of_onnxruntime_installed(onnxruntime: OnnxRuntime | None) -> Iterator[str]:
    if onnxruntime is not None and len(onnxruntime.installed) > 1:
        yield (
            f"{' and '.join(onnxruntime.installed)} are both installed and overwrite each other's "
            "files; uninstall both, then install onnxruntime-gpu alone"
        )


def _of_gpu(stack: Stack, device: str) -> Iterator[str]:
    """Yield the first obstacle to using a GPU, not its consequences too."""
    driver, torch, onnxruntime = stack.driver, stack.torch, stack.onnxruntime
    if torch is None or onnxruntime is None:
        return
    if not driver.gpus:
        here = "no NVIDIA driver" if driver.version is None else f"driver {driver.version}, no GPU"
        yield (
            f"the device {device} was asked for, and there is {here} here; give the service a "
            "GPU, or ask for device cpu"
        )
    elif torch.cuda is None:
        yield (
            f"there is a GPU ({driver.gpus[0].name}), but torch {torch.version} is a CPU build; "
            f"install torch's CUDA build, or ask for device cpu. {_CURE}"
        )
    elif complaint := _of_driver(driver, torch.cuda, f"torch {torch.version}"):
        yield complaint
    elif torch.devices == 0:
        yield (
            f"there is a GPU ({driver.gpus[0].name}) with driver {driver.version}, but torch "
            f"{torch.version} can use none: is CUDA_VISIBLE_DEVICES set? {_CURE}"
        )
    else:
        yield from _of_provider(onnxruntime, driver, torch)


def _of_driver(driver: Driver, built_for: Version, what: str) -> str | None:
    """Too old for a build, or not startable. Within one CUDA family every driver serves."""
    if driver.cuda is not None and driver.cuda[0] < built_for[0]:
        needed = _DRIVER_FOR_CUDA.get(built_for[0])
        branch = f"driver {needed} or newer" if needed else f"one that serves CUDA {built_for[0]}"
        return (
            f"the driver is {driver.version}, which serves CUDA {_text(driver.cuda)}; {what} is "
            f"built for CUDA {_text(built_for)} and needs {branch}: build the image with "
            f"DRIVER_LIBRARIES=compat, or take a GPU with a newer driver. {_CURE}"
        )
    if driver.complaint is not None:
        return (
            f"the driver {driver.version} refuses to start: {driver.complaint}. If the image was "
            f"built with DRIVER_LIBRARIES=compat and the driver is {_DRIVER_FOR_CUDA[13]} or "
            f"newer, build it with DRIVER_LIBRARIES=host. {_CURE}"
        )
    return None


def _of_provider(onnxruntime: OnnxRuntime, driver: Driver, torch: Torch) -> Iterator[str]:
    named = f"onnxruntime {onnxruntime.version}"
    if onnxruntime.cuda is None:
        yield (
            f"there is a GPU ({driver.gpus[0].name}), but {named} is a CPU build; uninstall "
            "onnxruntime, then install onnxruntime-gpu"
        )
    elif complaint := _of_driver(driver, onnxruntime.cuda, named):
        yield complaint
    elif onnxruntime.runs_on != CUDA_PROVIDER:
        hint = ""
        if torch.cuda is not None and torch.cuda[0] != onnxruntime.cuda[0]:
            hint = (
                f": it is built for CUDA {_text(onnxruntime.cuda)} and torch's libraries are "
                f"those of CUDA {_text(torch.cuda)}, so install builds of one family"
            )
        yield f"{named} runs on {onnxruntime.runs_on} instead of {CUDA_PROVIDER}{hint}. {_CURE}"


def _text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
