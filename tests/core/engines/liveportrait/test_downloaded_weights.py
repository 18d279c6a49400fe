"""What only the downloaded weights can show. Run by `make test-weights` after `make weights`."""

import numpy as np
import pytest

from liveportrait_core.__main__ import main
from liveportrait_core.engines.liveportrait.model import Model, load_networks
from liveportrait_core.engines.liveportrait.motion.pose import transform_keypoints
from liveportrait_core.engines.liveportrait.runtimes.device import choose_device
from liveportrait_core.weights.manifest import PROJECT_MANIFEST

pytestmark = pytest.mark.weights

FOLDER = PROJECT_MANIFEST.parent


def test_they_are_whole() -> None:
    assert main(["weights", "verify", str(FOLDER)]) == 0


def test_a_portrait_that_does_not_move_is_painted_smoothly() -> None:
    model = Model(load_networks(FOLDER), choose_device("auto", "fp32"))
    grey = np.full((1, 256, 256, 3), 128, np.uint8)
    motion = model.extract_motion(grey)
    keypoints = transform_keypoints(motion)
    frame = model.animate(model.extract_appearance(grey), keypoints, keypoints)[0]
    assert frame.shape == (512, 512, 3)
    assert np.abs(np.diff(frame.astype(int), axis=0)).mean() < 10
    assert np.allclose(motion.rotation @ motion.rotation.transpose(0, 2, 1), np.eye(3), atol=1e-5)
