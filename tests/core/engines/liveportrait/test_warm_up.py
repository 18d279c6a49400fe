"""The first pass of everything, before the first render."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.runtimes.device import Precision
from liveportrait_core.engines.liveportrait.warm_up import warm_up
from liveportrait_core.errors import OutOfMemory, RenderError
from liveportrait_core.face.crop import Points, reference_points
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Frame
from tests.core.faces import face_203
from tests.core.small_networks import small_model, small_networks


def watched(model: Model) -> dict[str, list[int]]:
    """The batch sizes with which each network is called."""
    batches: dict[str, list[int]] = defaultdict(list)

    def remember(name: str, network: nn.Module) -> None:
        network.register_forward_pre_hook(lambda _, given: batches[name].append(len(given[0])))

    for name, network in vars(model.networks).items():
        remember(name, network)
    return batches


@pytest.mark.parametrize(
    ("precision", "frame_batch", "sizes"),
    # In fp32 frames are drawn one by one.
    [(Precision.FP32, 1, [1]), (Precision.BF16, 4, [1, 4])],
)
def test_every_network_is_run_at_the_batch_sizes_of_a_render(
    precision: Precision, frame_batch: int, sizes: list[int]
) -> None:
    model = small_model(precision)
    batches, pictures = watched(model), list[Frame]()

    def locate(picture: Frame, near: Points) -> Points:
        assert reference_points(near).shape == (2, 2)  # a layout that crops can be made of
        pictures.append(picture)
        return face_203(x=120, y=150, size=50)

    warm_up(model, MeshFinder(), locate, frame_batch=frame_batch)
    assert batches == {
        "appearance_feature_extractor": [1],
        "motion_extractor": sizes,
        "warping_module": sizes,
        "spade_generator": sizes,
        "stitching": [1],
        "lip_retargeting": [1],
        "eye_retargeting": [1],
    }
    assert [picture.shape for picture in pictures] == [(512, 512, 3)]


def test_an_engine_without_landmarks_warms_up_too() -> None:
    Renderer(
        LivePortraitEngine(small_model(), MeshFinder(), None, digests=()), reason="test"
    ).warm_up()


def test_a_device_that_is_too_small_says_so() -> None:
    model = small_model()

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("no room")

    model.networks.spade_generator.register_forward_pre_hook(full)
    engine = LivePortraitEngine(model, MeshFinder(), None, digests=())
    with pytest.raises(OutOfMemory, match="ran out of memory computing the frames"):
        engine.warm_up()


def test_a_network_without_numbers_is_refused() -> None:
    networks = small_networks()
    with torch.no_grad():
        for parameter in networks.spade_generator.parameters():
            parameter.fill_(float("nan"))
    engine = LivePortraitEngine(
        Model(networks, small_model().choice), MeshFinder(), None, digests=()
    )
    with pytest.raises(RenderError, match="not finite even in fp32"):
        engine.warm_up()


def test_warming_up_changes_no_pixel(tmp_path: Path) -> None:
    model = small_model()
    pictures = np.full((1, 256, 256, 3), 90, np.uint8)
    before = model.extract_appearance(pictures)
    warm_up(model, MeshFinder(), None, frame_batch=2)
    assert torch.equal(before, model.extract_appearance(pictures))
