"""What the engine draws and reads is what it drew and read when its revision was last raised.

A deployment finds finished renders by the engine's version, so a change of pixels under an old
revision would go unseen. Pictures are kept coarsely: other processors differ in a few last bits.
After raising the revision: `python -m tests.core.engines.mesh.test_revision`.
"""

import sys
from dataclasses import replace
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.engines.mesh.version import REVISION
from liveportrait_core.media.clips.formats import EncoderSettings, encoding
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.options import RenderOptions
from tests.core.engines.mesh.motions import blinking, held, pulled, swaying

KEPT = Path(__file__).with_name(f"revision-{REVISION}.npz")
SIDE = 48  # of the kept pictures, pixels
TOLERANCES = {  # grey levels, degrees, eye distances, closures
    "frames": 0.1, "read_turns": 0.05, "read_handles": 0.002, "read_closure": 0.02,
    "idle_turns": 1e-6, "idle_closure": 1e-6,
}  # fmt: skip
FORGIVEN = 0.001  # share of the figures: a pixel of the outline may fall to the other side
EVERYTHING = held(
    rotation_deg=(3, 5, 2),
    shift=(0.05, 0.03, 0.01),
    closure=(0.5, 1),
    control_points=pulled(
        left_mouth_corner=(-0.05, -0.04), lower_lip=(0, 0.06), left_inner_brow=(0, 0.05)
    ),
)
HOPPER = files("matplotlib").joinpath("mpl-data/sample_data/grace_hopper.jpg")


def made() -> dict[str, NDArray[np.floating]]:
    """Everything that is kept, anew."""
    engine, options = MeshEngine(), RenderOptions(driving_multiplier=1.0)
    picture = read_portrait(Path(str(HOPPER)), max_dim_px=600).pixels
    portrait = engine.prepare(picture, options)
    other_way = replace(EVERYTHING, rotation_deg=-EVERYTHING.rotation_deg)
    frames = [
        cv2.resize(frame.mean(-1).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        for motion in (held(), EVERYTHING, other_way)
        for frame in engine.animate(portrait, motion, options)
    ]
    blinks = replace(swaying(1, 4.0, frames=24), closure=0.6 * blinking(24, 12).closure)
    read = engine.analyse(engine.animate(portrait, blinks, options), blinks.fps)
    idle = synthetic_idle(seed=1, seconds=4, fps=Fraction(25))
    return {
        "frames": np.stack(frames).round(2),
        "read_turns": read.rotation_deg,
        "read_handles": read.control_points,
        "read_closure": read.closure,
        "idle_turns": idle.rotation_deg,
        "idle_closure": idle.closure,
    }


def encoder() -> str:
    settings = EncoderSettings(width_px=64, height_px=64, rate_fps=Fraction(30), is_preview=True)
    return " ".join(encoding(settings, Path("out"))[:-1])


@pytest.fixture(scope="module")
def kept() -> dict[str, NDArray[np.floating]]:
    assert KEPT.exists(), (
        "a new REVISION: keep its pixels by python -m tests.core.engines.mesh.test_revision"
    )
    with np.load(KEPT) as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def now() -> dict[str, NDArray[np.floating]]:
    return made()


@pytest.mark.parametrize("name", TOLERANCES)
def test_pixels_change_only_with_the_revision(
    kept: dict[str, NDArray[np.floating]], now: dict[str, NDArray[np.floating]], name: str
) -> None:
    apart = np.quantile(np.abs(now[name] - kept[name]), 1 - FORGIVEN)
    assert apart <= TOLERANCES[name], (
        f"{name} changed by {apart:.3g}: raise REVISION in "
        "liveportrait_core/engines/mesh/version.py and run "
        "python -m tests.core.engines.mesh.test_revision"
    )


def test_the_encoder_changes_only_with_the_revision(
    kept: dict[str, NDArray[np.floating]],
) -> None:
    assert str(kept["encoder"]) == encoder()


if __name__ == "__main__":
    if KEPT.exists():
        sys.exit(f"{KEPT.name} is there already: another picture needs another REVISION")
    np.savez_compressed(KEPT, allow_pickle=False, encoder=np.array(encoder()), **made())
    for older in KEPT.parent.glob("revision-*.npz"):
        if older != KEPT:
            older.unlink()
