"""The mesh engine's tables: every stage and every pair has its row."""

from importlib.resources import files
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.engines import mesh
from benchmarks.renders import pairs
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.request import MotionTemplate, RenderRequest


def test_every_stage_has_its_row() -> None:
    rows = list(mesh.measure_mesh(0.5, (300, 400)))
    stages = [row.stage for row in rows]
    assert stages[:10] == [
        "drawing alone", "core time, drawing", "core time, encoding", "both, on 2 free cores",
        "prepare", "motion", "render", "encode", "render and encode", "all 15 frames",
    ]  # fmt: skip
    assert rows[3].seconds == pytest.approx((rows[1].seconds + rows[2].seconds) / 2)
    assert rows[8].seconds == pytest.approx(rows[6].seconds + rows[7].seconds)
    assert stages[-1] == "all 30 frames"
    assert all(row.seconds >= 0 for row in rows)
    assert len({len(mesh.table_line(row).split("memory")[0].rstrip()) for row in rows}) == 1


def test_every_pair_has_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    portrait, clip = tmp_path / "portrait.png", tmp_path / "clip.mp4"
    portrait.write_bytes(files("skimage").joinpath("data/astronaut.png").read_bytes())
    renderer = Renderer(MeshEngine(), reason="a test asks for it")
    idle = synthetic_idle(seed=3, seconds=2, fps=mesh.FPS)
    renderer.render(
        RenderRequest(
            portrait=portrait,
            motion=MotionTemplate(motion=idle),
            output=clip,
            options=RenderOptions(driving_multiplier=1.0),
        )
    )
    assert main(["pairs", str(portrait), "--driving", str(clip), "--multiplier", "0.5"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head == pairs.HEAD
    assert [at for at, letter in enumerate(row) if letter == "|"] == [
        at for at, letter in enumerate(head) if letter == "|"
    ]
    assert row.startswith("portrait     clip       0.50 |")
