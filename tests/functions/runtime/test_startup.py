"""The line of the start, and what keeps an instance from being ready."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.errors import InvalidSetting
from functions.runtime.engine_identity import engine_setup
from functions.runtime.startup import open_warm
from functions.runtime.talk_methods import require_methods
from functions.settings import Settings, full_engine_version
from functions.talk_settings import TalkMethods
from liveportrait_core import Engine
from liveportrait_core.diagnostics import stack
from liveportrait_core.errors import EngineUnavailable
from tests.functions.nominal_weights import nominal_weights

MESH = Settings(bucket="demo", engine="mesh")
DOUBLE = Path("tests/core/diagnostics/driver_double.c")


def lines(captured: str) -> list[dict[str, Any]]:
    """Ours: onnxruntime writes to the same place, in colours, of libraries that it misses."""
    return [json.loads(line) for line in captured.splitlines() if line.startswith("{")]


def test_the_start_is_one_line_with_everything(capsys: pytest.CaptureFixture[str]) -> None:
    renderer = open_warm(MESH)
    assert renderer.engine is Engine.MESH
    started, opened = lines(capsys.readouterr().err)
    assert (started["message"], started["severity"]) == ("started", "INFO")
    assert (started["engine"], started["device"]) == ("mesh", "auto")
    assert started["python"] == ".".join(map(str, sys.version_info[:3]))
    assert started["libraries"]["mediapipe"] == "0.10.21"
    assert "torch" not in started
    shown = full_engine_version(renderer.engine_version, max_seconds=MESH.max_seconds)
    assert (opened["message"], opened["engineVersion"]) == ("renderer open", shown)
    assert opened["openSeconds"] >= 0
    assert opened["warmUpSeconds"] > 0


def test_decoders_that_can_reach_the_network_are_an_error_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack, "why_not_denied", lambda: "no seccomp here")
    open_warm(MESH)
    fault = lines(capsys.readouterr().err)[1]
    assert (fault["message"], fault["severity"]) == ("decoders can reach the network", "ERROR")
    assert fault["reason"] == "no seccomp here"


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="liveportrait engine cannot run without"):
        open_warm(Settings(bucket="demo", weights=tmp_path))


def test_a_method_of_talking_that_is_not_installed_is_named_at_the_start(tmp_path: Path) -> None:
    methods = TalkMethods(offered=("wav2lip", "visemes"))
    settings = Settings(bucket="demo", engine="mesh", weights=tmp_path, talk_methods=methods)
    with pytest.raises(InvalidSetting, match=r"names wav2lip: .* weights convert wav2lip .*; acc"):
        require_methods(settings, Engine.MESH)
    (tmp_path / "wav2lip").mkdir()
    (tmp_path / "wav2lip" / "wav2lip.safetensors").touch()
    require_methods(settings, Engine.MESH)  # whose licence is accepted has no part in it
    refined = replace(settings, talk_methods=TalkMethods(offered=("wav2lip", "gfpgan")))
    with pytest.raises(InvalidSetting, match=r"names gfpgan: .* pip install spandrel"):
        require_methods(refined, Engine.MESH)


def test_device_and_landmarks_are_the_settings() -> None:
    setup = engine_setup(Settings(bucket="demo", device="cuda"))
    assert (setup.device, setup.accept_no_landmarks) == ("cuda", False)
    assert engine_setup(Settings(bucket="demo", storage_emulator="localhost:1")).accept_no_landmarks


OPEN = """
import json, sys
from pathlib import Path
from functions.runtime.startup import open_warm
from functions.settings import Settings
from liveportrait_core.errors import EngineUnavailable
try:
    open_warm(Settings(bucket="demo", weights=Path(sys.argv[1]), device=sys.argv[2]))
except EngineUnavailable as fault:
    print(fault)
"""


def opened(weights: Path, device: str, **environment: str) -> tuple[str, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPEN, str(weights), device],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip(), lines(done.stderr)


def test_without_the_gpu_that_was_asked_for_nothing_is_opened(tmp_path: Path) -> None:
    reason, (started,) = opened(nominal_weights(tmp_path), "cuda")
    if "gpus" in started:
        pytest.skip("there is a GPU here")
    assert reason.startswith("the device cuda was asked for, and there is no NVIDIA driver here")
    assert started["torch"].startswith("2.13.0")
    assert started["provider"] == "CPUExecutionProvider"
    assert len(started["weights"]) == 12


def test_a_driver_too_old_is_told_in_the_line_and_refused(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler on the PATH to make a driver's libraries with")
    folder = tmp_path_factory.mktemp("driver")
    for name in ("libnvidia-ml.so.1", "libcuda.so.1"):
        command = [compiler, "-shared", "-fPIC", "-o", str(folder / name), str(DOUBLE)]
        subprocess.run(command, check=True)
    reason, (started,) = opened(
        nominal_weights(tmp_path), "auto", LD_LIBRARY_PATH=str(folder),
        DOUBLE_DRIVER="535.216.03", DOUBLE_GPUS="1", DOUBLE_CUDA="12020",
    )  # fmt: skip
    assert (started["driver"], started["driverCuda"]) == ("535.216.03", "12.2")
    assert started["gpus"] == ["First, 24 GiB"]
    assert "535.216.03" in reason or "is a CPU build" in reason  # torch here may have no CUDA
