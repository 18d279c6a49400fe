"""The linear map from the spectra of a voice to the shapes of its mouth.

The numbers are fitted by `python -m benchmarks.mouth_fit`; where they come from, and what they are
worth, stands beside them.
"""

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.voice.mel import in_context, log_mels
from liveportrait_core.speech.voice.spectrum import Rows

NUMBERS: Final = "mouth_map.json"
_SHAPES: Final = ("open", "wide", "round")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Numbers:
    weights: NDArray[np.float64]  # 338×3
    offsets: NDArray[np.float64]  # 3


def fitted_shapes(powers: Rows, is_active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give open, wide and round of each row, T×3 in 0…1, where a voice is heard at all."""
    numbers = _numbers()
    features = in_context(log_mels(powers, is_active))
    return np.clip(features @ numbers.weights + numbers.offsets, 0, 1)


@functools.cache
def _numbers() -> _Numbers:
    text = resources.files("liveportrait_core.speech.voice").joinpath(NUMBERS).read_text("utf-8")
    content = json.loads(text)
    columns = [content["weights"][shape] for shape in _SHAPES]
    return _Numbers(weights=np.array(columns).T, offsets=np.array(content["offsets"]))
