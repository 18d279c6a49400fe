"""What stands here: driver, CUDA build, providers, libraries, weights; and what of it is wrong.

`survey` looks, `faults` judges. Knows neither who asks nor what is told to whom.
"""

from liveportrait_core.diagnostics.driver import Driver, Gpu, read_driver
from liveportrait_core.diagnostics.faults import faults
from liveportrait_core.diagnostics.survey import OnnxRuntime, Stack, Torch, survey

__all__ = ["Driver", "Gpu", "OnnxRuntime", "Stack", "Torch", "faults", "read_driver", "survey"]
