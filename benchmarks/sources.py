"""The portrait and the driving clip that renders are measured with, of public-domain pictures."""

from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.media.pictures.image import read_portrait, write_picture
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.request import MotionTemplate, RenderRequest

SIZE_PX = (1200, 1600)
SEED = 7
_LARGEST_PX = 2048


def write_sources(
    folder: Path, seconds: float, size_px: tuple[int, int], fps: Fraction
) -> tuple[Path, Path]:
    """Write a portrait of this size and a driving clip, and return both."""
    person, clip = folder / "person.png", folder / "clip.mp4"
    person.write_bytes(files("skimage").joinpath("data/astronaut.png").read_bytes())
    idle = synthetic_idle(seed=SEED, seconds=seconds, fps=fps)
    Renderer(MeshEngine(), reason="it makes the clip").render(
        RenderRequest(
            portrait=person,
            motion=MotionTemplate(motion=idle),
            output=clip,
            options=RenderOptions(driving_multiplier=1.0),
        )
    )
    return write_portrait(folder, size_px), clip


def write_portrait(folder: Path, size_px: tuple[int, int]) -> Path:
    """Write a portrait of this width and height, and return it."""
    portrait, source = folder / "portrait.png", folder / "source.jpg"
    source.write_bytes(
        files("matplotlib").joinpath("mpl-data/sample_data/grace_hopper.jpg").read_bytes()
    )
    small = read_portrait(source, max_dim_px=_LARGEST_PX).pixels
    large = cv2.resize(small, size_px, interpolation=cv2.INTER_CUBIC)
    write_picture(np.asarray(large, np.uint8), portrait)
    return portrait
