"""The installed stack: driver, CUDA build, providers, libraries, weights; and its faults.

`inspect` reads, `check` judges. Logs nothing.
"""

from liveportrait_core.diagnostics.checks import check
from liveportrait_core.diagnostics.driver import Driver, Gpu, read_driver
from liveportrait_core.diagnostics.stack import OnnxRuntime, Stack, Torch, inspect

__all__ = ["Driver", "Gpu", "OnnxRuntime", "Stack", "Torch", "check", "inspect", "read_driver"]
