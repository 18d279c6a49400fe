"""Faults of the machine under a render, translated: memory that ran out, a GPU that was lost.

A CUDA context that has met an illegal access, a failed launch or a hardware fault answers every
later call with an error, for as long as its process lives: only a new process has a new one
(https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html). Its errors reach Python
as torch's AcceleratorError, as a plain RuntimeError of cuBLAS, cuDNN or a driver call, and as
onnxruntime's own exceptions: so the message decides, not the class.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from liveportrait_core.errors import DeviceLost, OutOfMemory, RenderError

_CUDA = re.compile(
    r"CUDA (?:driver |runtime )?error|CUDA failure|CUDA_ERROR_|cudaError"
    r"|CU(?:BLAS|DNN|FFT|SOLVER|SPARSE)_STATUS_|\bXid\b",
    re.IGNORECASE,
)
_MEMORY = re.compile(r"out of memory|OUT_OF_MEMORY|MemoryAllocation|ALLOC_FAILED", re.IGNORECASE)
# The call was wrong, and the context is as it was: the next one may be right.
_HARMLESS = re.compile(r"_STATUS_(?:NOT_SUPPORTED|BAD_PARAM|INVALID_VALUE)")


def cuda_fault(message: str) -> type[RenderError] | None:
    """Return what an exception's message tells of the GPU; None: nothing."""
    if _CUDA.search(message) is None or _HARMLESS.search(message) is not None:
        return None
    return OutOfMemory if _MEMORY.search(message) is not None else DeviceLost


@contextmanager
def machine_faults_translated() -> Iterator[None]:
    """Raise OutOfMemory for every form of it, and DeviceLost where the GPU is of no more use."""
    try:
        yield
    except RenderError:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"The machine ran out of memory: {error}") from error
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem:
            raise
        raise OutOfMemory(f"The machine ran out of memory: {error}") from error
    except Exception as error:  # libraries have classes of their own for a fault of the GPU
        fault = cuda_fault(str(error))
        if fault is None:
            raise
        first_line = str(error).strip().partition("\n")[0]
        raise fault(f"{fault.__doc__} ({type(error).__name__}: {first_line})") from error
