"""The stages of a render and their shares."""

import pytest

from benchmarks.renders.stages import WholeRender, comparison, measure_mesh_render, table_line
from liveportrait_core.report import Stage


def test_a_mesh_render_is_told_stage_by_stage() -> None:
    rows = [row for whole in measure_mesh_render(1.0, (240, 320)) for row in whole.rows]
    first = [row for row in rows if row.render == "mesh on cpu, first"]
    assert [row.stage for row in first] == ["prepare", "motion", "render", "encode", "whole"]
    assert 0.5 < sum(row.share for row in first[:-1]) <= 1.05
    moved = {row.stage: row for row in rows if row.render == "mesh on cpu, slider moved"}
    assert moved["motion"].seconds < first[1].seconds
    assert "100%" in table_line(moved["whole"])


def whole(frames: int, draw_s: float) -> WholeRender:
    stages = {Stage.PREPARE: 1.0, Stage.MOTION: 1.0, Stage.RENDER: draw_s}
    return WholeRender(
        name="", stages=stages, wall_s=2.0 + draw_s, core_s=2 * (2.0 + draw_s), frames=frames
    )


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        (whole(50, 98.0), "100.0 s of wall time, 200.0 s of processor time (measured)"),
        (whole(10, 18.8), "100.0 s of wall time, 200.0 s of processor time (extrapolated from 10"),
    ],
)
def test_a_render_is_compared_with_the_plain_networks(plain: WholeRender, said: str) -> None:
    told = comparison(plain, whole(50, 18.0))
    assert said in told
    assert "ratio by wall time 5.00, by processor time 5.00" in told
