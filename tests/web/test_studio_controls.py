"""The Animate page's controls without a browser: what is grey, and why."""

import gc
from pathlib import Path
from typing import Any

import pytest

from liveportrait_core import Engine

# Gradio leaves an event loop of its own open; `controls` has it collected within the test.
pytestmark = [pytest.mark.studio, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def controls(weights: Path) -> dict[str, Any]:
    """What the page would be drawn of, by the elements' names."""
    gradio = pytest.importorskip("gradio")
    from web.studio.animate.inputs import Inputs

    with gradio.Blocks() as blocks:
        Inputs(Engine.MESH, weights)
    told = [each["props"] for each in blocks.get_config_file()["components"]]
    del blocks
    gc.collect()
    return {props["elem_id"]: props for props in told if props.get("elem_id")}


def test_a_clip_speaks_only_where_a_method_paints_mouths(
    tmp_path: Path, lipsync_weights: Path
) -> None:
    without, having = controls(tmp_path), controls(lipsync_weights)
    assert without["a-speaker"]["interactive"] is False
    assert "none is installed here: wav2lip (research only)" in without["a-speaker"]["info"]
    assert "weights convert wav2lip CHECKPOINT" in without["a-speaker"]["info"]
    assert without["a-accepted"]["visible"] is False
    assert having["a-speaker"]["interactive"] is True
    assert having["a-accepted"]["visible"] is True
    choices = [name for name, _ in having["a-accepted"]["choices"]]
    assert choices == ["wav2lip, research only: my use keeps to that"]
