"""What the emulator's page shows a client's developer: typed as it stands, it ends with a video."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.app import Cloud

PAGE = (Path(__file__).parents[2] / "docs" / "use" / "emulator.md").read_text(encoding="utf-8")


def test_the_clients_example_ends_with_a_video(cloud: Cloud, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(import threading.*?)```", PAGE, re.DOTALL)
    shutil.copy(cloud.media.portrait, tmp_path / "portrait.jpg")
    shutil.copy(cloud.media.clip, tmp_path / "driving.mp4")
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    state, url, error = run.stdout.splitlines()[-1].split()
    assert (state, error) == ("ready", "None")
    assert url.startswith("http")
