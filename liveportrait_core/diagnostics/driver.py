"""NVIDIA's driver as it answers for itself: its version, the CUDA it serves, the cards.

Asked through the driver's own two libraries, so that no package and no CUDA runtime is needed and a
machine without a GPU answers too. libcuda is what CUDA programs load, be it the driver's own or a
newer compatibility library before it; NVML always tells of the driver in the kernel. Call it only
in a process that will not fork any more: CUDA does not survive a fork.
"""

import ctypes
from dataclasses import dataclass

Version = tuple[int, int]

_NVML = "libnvidia-ml.so.1"
_CUDA = "libcuda.so.1"
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE: a driver without a card, which is no fault of the driver


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One card."""

    name: str
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Driver:
    """The driver and its cards; without a driver everything is empty."""

    version: str | None = None  # of the driver in the kernel: "535.129.03"
    cuda: Version | None = None  # the newest CUDA that libcuda serves
    gpus: tuple[Gpu, ...] = ()
    complaint: str | None = None  # the name of the error with which libcuda refuses to start


class _Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


def read_driver() -> Driver:
    """Ask both libraries; one that is not there has nothing to say."""
    version, gpus = _ask_nvml()
    cuda, complaint = _ask_cuda()
    return Driver(version=version, cuda=cuda, gpus=gpus, complaint=complaint)


def driver_version() -> str | None:
    """Return the version of the driver in the kernel, by NVML alone; None: there is none."""
    return _ask_nvml()[0]


def _ask_nvml() -> tuple[str | None, tuple[Gpu, ...]]:
    nvml = _library(_NVML)
    if nvml is None or nvml.nvmlInit_v2() != 0:
        return None, ()
    try:
        text = ctypes.create_string_buffer(96)
        told = nvml.nvmlSystemGetDriverVersion(text, len(text)) == 0
        version = text.value.decode() if told else None
        count = ctypes.c_uint(0)
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        return version, tuple(_card(nvml, index) for index in range(count.value))
    finally:
        nvml.nvmlShutdown()


def _card(nvml: ctypes.CDLL, index: int) -> Gpu:
    handle, name, memory = ctypes.c_void_p(), ctypes.create_string_buffer(96), _Memory()
    nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle))
    nvml.nvmlDeviceGetName(handle, name, ctypes.c_uint(len(name)))
    nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    return Gpu(name=name.value.decode(), memory_bytes=int(memory.total))


def _ask_cuda() -> tuple[Version | None, str | None]:
    cuda = _library(_CUDA)
    if cuda is None:
        return None, None
    number = ctypes.c_int(0)
    answered = cuda.cuDriverGetVersion(ctypes.byref(number)) == 0
    served = (number.value // 1000, number.value % 1000 // 10) if answered else None
    status = cuda.cuInit(ctypes.c_uint(0))
    return served, None if status in (0, _NO_DEVICE) else _error_name(cuda, status)


def _error_name(cuda: ctypes.CDLL, status: int) -> str:
    name = ctypes.c_char_p()
    if cuda.cuGetErrorName(ctypes.c_int(status), ctypes.byref(name)) == 0 and name.value:
        return f"{name.value.decode()} ({status})"
    return f"error {status}"


def _library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None
