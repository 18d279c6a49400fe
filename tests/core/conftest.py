"""A real face as a portrait and as a clip."""

import io
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.core.clips import ffmpeg


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = files("skimage").joinpath("data/astronaut.png").read_bytes()
    picture = Image.open(io.BytesIO(data))
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    picture.convert("RGB").crop((60, 0, 380, 320)).save(path)
    return path


@pytest.fixture(scope="session")
def driving(portrait: Path) -> Path:
    """Twelve frames of the portrait, shifting, after one without a face; 4:3."""
    clip = portrait.with_name("driving.mp4")
    still = np.asarray(Image.open(portrait))
    frames = np.zeros((13, 240, 320, 3), np.uint8)
    for i in range(1, 13):
        frames[i] = np.roll(still, 2 * i, axis=1)[:240]
    ffmpeg(
        "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", "320x240", "-framerate", "24",
        "-i", "-", "-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p", str(clip),
        feed=frames.tobytes(),
    )  # fmt: skip
    return clip
