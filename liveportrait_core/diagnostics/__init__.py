"""What stands here: driver, CUDA build, providers, libraries, weights; and what of it is wrong.

`inspect` reads, `check` judges. Knows neither who asks nor what is told to whom.
"""

from liveportrait_core.diagnostics.checks import check
from liveportrait_core.diagnostics.driver import Driver, Gpu, read_driver
from liveportrait_core.diagnostics.stack import OnnxRuntime, Stack, Torch, inspect

__all__ = ["Driver", "Gpu", "OnnxRuntime", "Stack", "Torch", "check", "inspect", "read_driver"]
