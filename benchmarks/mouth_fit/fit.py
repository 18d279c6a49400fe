"""Ridge regression from log-mel bands to shapes, and what it is worth on voices it never heard."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.mouth_fit.examples import SHAPES, Array, Example

_RIDGE: Final = 0.03  # per row; ten times more or less changes no figure by 0.02


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearMap:
    """shapes = clip(features · weights + offsets)."""

    weights: Array  # 338×3
    offsets: Array  # 3

    def __call__(self, features: Array) -> Array:
        """Give N×3 in 0…1."""
        return np.clip(features @ self.weights + self.offsets, 0, 1)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Mean correlation over clips, of one shape while it is spoken."""

    reader: float  # what is built: the map, fitted without the clip's voice, and the rule
    null: float  # the same on another clip's sound
    map: float  # alone
    rule: float | None  # alone; None: there is none
    loudness: float


def fit(examples: Sequence[Example]) -> LinearMap:
    """Fit all shapes; a result varies as much as what is wanted does, which ridge alone shrinks."""
    features = np.concatenate([example.features for example in examples])
    wanted = np.concatenate([example.wanted for example in examples])
    centre, middle = features.mean(0), wanted.mean(0)
    centred = features - centre
    gram = centred.T @ centred + _RIDGE * len(centred) * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (wanted - middle))
    weights *= wanted.std(0) / (centred @ weights).std(0)
    return LinearMap(weights=weights, offsets=middle - centre @ weights)


def held_out(
    training: Sequence[Example], tested: Sequence[Example], smooth: Callable[[Array], Array]
) -> dict[str, Figures]:
    """Measure each clip with a map that was fitted without its voice."""
    told = []
    for voice in dict.fromkeys(example.voice for example in tested):
        fitted = fit([example for example in training if example.voice != voice])
        told += [
            _Told(example=example, fitted=smooth(fitted(example.features)))
            for example in tested
            if example.voice == voice
        ]
    return {shape: _figures(told, column) for column, shape in enumerate(SHAPES)}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Told:
    example: Example
    fitted: Array  # N×3

    def reader(self, column: int) -> Array:
        rules = self.example.ruled
        fitted = self.fitted[:, column]
        return (fitted + rules[:, column]) / 2 if column < rules.shape[1] else fitted


def _figures(told: Sequence[_Told], column: int) -> Figures:
    def mean(curve_of: Callable[[_Told], Array], shift: int = 0) -> float:
        heard = [*told[shift:], *told[:shift]]
        return round(
            sum(
                _correlation(curve_of(other), each.example.wanted[:, column])
                for each, other in zip(told, heard, strict=True)
            )
            / len(told),
            2,
        )

    has_rule = column < told[0].example.ruled.shape[1]
    return Figures(
        reader=mean(lambda each: each.reader(column)),
        null=mean(lambda each: each.reader(column), shift=len(told) // 2),
        map=mean(lambda each: each.fitted[:, column]),
        rule=mean(lambda each: each.example.ruled[:, column]) if has_rule else None,
        loudness=mean(lambda each: each.example.loudness),
    )


def _correlation(first: Array, second: Array) -> float:
    """Correlate as much as both have; 0 where one of them does not vary."""
    length = min(len(first), len(second))
    first, second = first[:length], second[:length]
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
