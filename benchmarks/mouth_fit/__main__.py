"""`python -m benchmarks.mouth_fit`: fit the map anew, write it into the package, print figures."""

import json
import re
import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.mouth_fit.examples import SHAPES, Array, example, material, noisy, recordings
from benchmarks.mouth_fit.fit import Figures, fit, held_out
from benchmarks.mouth_fit.sentences import SENTENCES
from benchmarks.mouth_fit.synthesisers import ESPEAK_VARIANTS, FLITE_VOICES, Espeak
from liveportrait_core.speech.track import smoothed
from liveportrait_core.speech.voice import mouth_map

_PATH: Final = Path(mouth_map.__file__).with_name(mouth_map.NUMBERS)
_NOISE_DB: Final = 15


def main() -> int:
    """Fit, write, print."""
    clips = list(material())
    heard = recordings(seed=0)
    training = [example(clip, recording) for clip in clips for recording in heard]
    rng = np.random.default_rng(1)
    clean = held_out(training, [example(clip) for clip in clips], _smooth)
    noise = held_out(
        training, [example(clip, lambda sound: noisy(sound, _NOISE_DB, rng)) for clip in clips],
        _smooth,
    )  # fmt: skip
    fitted = fit(training)
    seconds = sum(float(clip.speech.seconds) for clip in clips)
    content = {
        "made by": "python -m benchmarks.mouth_fit",
        "material": {
            "synthesisers": [
                f"{Espeak().version} (GPL-3.0-or-later), voices {', '.join(ESPEAK_VARIANTS)}",
                f"{_flite_version()} (BSD-like), voices {', '.join(FLITE_VOICES)}",
            ],
            "languages": list(SENTENCES),
            "clips": len(clips),
            "seconds": round(seconds),
            "sentences": "benchmarks/mouth_fit/sentences.py (MIT, as all of this repository)",
        },
        "held out by voice": {
            "clean": {shape: asdict(each) for shape, each in clean.items()},
            f"noise of {_NOISE_DB} dB": {shape: asdict(each) for shape, each in noise.items()},
        },
        "offsets": _rounded(fitted.offsets),
        "weights": {
            shape: _rounded(fitted.weights[:, column]) for column, shape in enumerate(SHAPES)
        },
    }
    _PATH.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{len(clips)} clips, {seconds:.0f} s; {_PATH.name} has {_PATH.stat().st_size} bytes")
    for name, figures in (("clean", clean), (f"noise of {_NOISE_DB} dB", noise)):
        _print(name, figures)
    return 0


def _smooth(curves: Array) -> Array:
    everywhere = np.ones(len(curves), np.bool_)
    return np.stack([smoothed(curve, everywhere) for curve in curves.T], axis=1)


def _rounded(numbers: Array) -> list[float]:
    return [round(float(number), 5) for number in numbers]


def _flite_version() -> str:
    said = subprocess.run(["flite", "--version"], capture_output=True, text=True, check=False)  # noqa: S607
    version = re.search(r"flite-[\d.]+", said.stdout + said.stderr)
    return version[0] if version else "flite"


def _print(name: str, figures: dict[str, Figures]) -> None:
    columns = [field.name for field in fields(Figures)]
    print(f"\n{name:18}" + "".join(f"{column:>10}" for column in columns))
    for shape, each in figures.items():
        values = [getattr(each, column) for column in columns]
        print(f"{shape:18}" + "".join(f"{'' if v is None else f'{v:.2f}':>10}" for v in values))


if __name__ == "__main__":
    sys.exit(main())
