"""A bound on the rate of results: asked of the renderer, and another result than one without."""

from dataclasses import replace

from liveportrait_core import Delivery
from tests.functions.scene import SETTINGS, Scene, document


def test_what_is_set_is_asked_of_the_renderer_and_names_the_result() -> None:
    free, bound = Scene(), Scene(settings=replace(SETTINGS, peak_mbit_s=8.0))
    for scene in (free, bound):
        scene.save(document())
        assert scene.live["state"] == "ready"
    assert free.renderer.deliveries == [Delivery()]
    assert bound.renderer.deliveries == [Delivery(peak_mbit_s=8.0)]
    assert free.live["engineVersion"] != bound.live["engineVersion"]
    assert free.live["fingerprint"] != bound.live["fingerprint"]
