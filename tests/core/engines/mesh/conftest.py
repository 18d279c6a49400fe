"""The two public-domain people who come with installed packages, and the engine that moves them."""

from importlib.resources import files

import cv2
import numpy as np
import pytest

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame


def _picture(package: str, path: str) -> Frame:
    data = np.frombuffer(files(package).joinpath(path).read_bytes(), np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


@pytest.fixture(scope="session")
def hopper() -> Frame:
    """Grace Hopper, 512×600: spectacles, a cap, closed lips."""
    return _picture("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")


@pytest.fixture(scope="session")
def astronaut() -> Frame:
    """Eileen Collins, 512×512: a small face, smiling with her teeth."""
    return _picture("skimage", "data/astronaut.png")


@pytest.fixture(scope="session")
def engine() -> MeshEngine:
    return MeshEngine()


@pytest.fixture(scope="session")
def hopper_portrait(engine: MeshEngine, hopper: Frame) -> MeshPortrait:
    return engine.prepare(hopper, RenderOptions())


@pytest.fixture(scope="session")
def astronaut_portrait(engine: MeshEngine, astronaut: Frame) -> MeshPortrait:
    return engine.prepare(astronaut, RenderOptions())
