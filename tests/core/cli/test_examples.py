"""What README, page and manual show can be typed: the example runs, the command lines parse."""

import re
import shlex
import subprocess
import sys
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image

from liveportrait_core.__main__ import command_parser
from liveportrait_core.cli.help_text import EXAMPLES, RENDER_EXAMPLES
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import open_renderer
from liveportrait_core.request import MotionTemplate, RenderRequest

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINE = (ROOT / "docs" / "use" / "command-line.md").read_text(encoding="utf-8")
SAMPLES = {
    "hopper": Path(str(files("matplotlib"))) / "mpl-data" / "sample_data" / "grace_hopper.jpg",
    "collins": Path(str(files("skimage"))) / "data" / "astronaut.png",
}


def test_the_python_example_of_the_readme_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(from pathlib.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    (tmp_path / "portraits").mkdir()
    for name, sample in SAMPLES.items():
        with Image.open(sample) as image:
            image.convert("RGB").save(tmp_path / "portraits" / f"{name}.jpg")
    motion = synthetic_idle(seed=3, seconds=0.5, fps=Fraction(24))
    open_renderer("mesh", tmp_path).render(
        RenderRequest(
            portrait=SAMPLES["collins"],
            motion=MotionTemplate(motion=motion),
            output=tmp_path / "driving.mp4",
            options=RenderOptions(),
        )
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    told = [line.split() for line in run.stdout.splitlines()]
    assert [words[:3] for words in told] == [
        ["portraits/collins.mp4", "mesh", "12"],
        ["portraits/hopper.mp4", "mesh", "12"],
    ]
    assert all(float(words[3]) < 1 for words in told)


def command_lines(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    found = re.findall(r"python -m liveportrait_core ((?!fetch)[a-z]+ [^;\n#]*)", joined)
    return [line.strip().rstrip("`") for line in found]


@pytest.mark.parametrize(
    "text", [COMMAND_LINE, EXAMPLES, RENDER_EXAMPLES], ids=["page", "man", "render"]
)
def test_every_command_line_that_is_shown_parses(text: str) -> None:
    lines = command_lines(text)
    assert len(lines) >= 3
    for line in lines:
        assert callable(command_parser().parse_args(shlex.split(line.replace("$x", "0.4"))).command)
