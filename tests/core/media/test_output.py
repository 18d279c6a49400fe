"""A disk that is full costs the new file, never the one that it was to replace."""

import resource
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveportrait_core.engines.liveportrait.template import LivePortraitMotion, save_template
from liveportrait_core.errors import EncodeFailed
from liveportrait_core.inspection.sheet import Row, write_sheet
from liveportrait_core.media.pictures.image import write_picture
from tests.core.engines.liveportrait.motions import measured

NOISE = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
WRITERS: dict[str, Callable[[Path], None]] = {
    "a.png": lambda path: write_picture(NOISE, path),
    "a.jpg": lambda path: write_picture(NOISE, path),
    "a.webp": lambda path: write_picture(NOISE, path),
    "a.npz": lambda path: save_template(
        LivePortraitMotion(measured=measured(9), fps=Fraction(25)), path
    ),
    "sheet.png": lambda path: write_sheet([Row(heading="heading", remark="remark")], path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_cannot_be_written_whole_replaces_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("what stood there")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        with pytest.raises(EncodeFailed, match=f"{name} cannot be written"):
            WRITERS[name](path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "what stood there"
    assert list(tmp_path.iterdir()) == [path]
    WRITERS[name](path)
    if path.suffix != ".npz":
        Image.open(path).load()
