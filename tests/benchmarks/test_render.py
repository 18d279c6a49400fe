"""The stages of a render and their shares."""

from benchmarks.render import measure_render, table_line


def test_a_mesh_render_is_told_stage_by_stage() -> None:
    rows = list(measure_render(None, "auto", 1.0, (240, 320)))
    first = [row for row in rows if row.render == "mesh on cpu, first"]
    assert [row.stage for row in first] == ["prepare", "motion", "render", "encode", "whole"]
    assert 0.5 < sum(row.share for row in first[:-1]) <= 1.05
    moved = {row.stage: row for row in rows if row.render == "mesh on cpu, slider moved"}
    assert moved["motion"].seconds < first[1].seconds
    assert "100%" in table_line(moved["whole"])
