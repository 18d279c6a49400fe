"""What is read of this machine, and of a driver's libraries that a compiler makes here."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from liveportrait_core.diagnostics import Driver, inspect
from liveportrait_core.options import Engine

DOUBLE = Path(__file__).with_name("driver_double.c")
ASK = (
    "import dataclasses, json; from liveportrait_core.diagnostics import read_driver; "
    "print(json.dumps(dataclasses.asdict(read_driver())))"
)
L4 = {"DOUBLE_DRIVER": "535.216.03", "DOUBLE_GPUS": "1", "DOUBLE_CUDA": "12020"}


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both of the driver's libraries."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler on the PATH to make a driver's libraries with")
    folder = tmp_path_factory.mktemp("driver")
    for name in ("libnvidia-ml.so.1", "libcuda.so.1"):
        command = [compiler, "-shared", "-fPIC", "-o", str(folder / name), str(DOUBLE)]
        subprocess.run(command, check=True)
    return folder


def asked(libraries: Path, answers: Mapping[str, str]) -> dict[str, Any]:
    environment = {**os.environ, **answers, "LD_LIBRARY_PATH": str(libraries)}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def test_a_driver_with_one_card(libraries: Path) -> None:
    assert asked(libraries, L4) == {
        "version": "535.216.03",
        "cuda": [12, 2],
        "gpus": [{"name": "First", "memory_bytes": 24 * 2**30}],
        "complaint": None,
    }


def test_every_card_is_asked(libraries: Path) -> None:
    found = asked(libraries, {**L4, "DOUBLE_GPUS": "2"})
    assert [gpu["name"] for gpu in found["gpus"]] == ["First", "Second"]


def test_a_driver_without_a_card_is_no_complaint(libraries: Path) -> None:
    found = asked(libraries, {**L4, "DOUBLE_GPUS": "0", "DOUBLE_STATUS": "100"})
    assert (found["version"], found["gpus"], found["complaint"]) == ("535.216.03", [], None)


def test_why_cuda_does_not_start(libraries: Path) -> None:
    mismatch = asked(libraries, {**L4, "DOUBLE_STATUS": "803"})
    assert mismatch["complaint"] == "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"
    assert asked(libraries, {**L4, "DOUBLE_STATUS": "999"})["complaint"] == "error 999"


def test_a_driver_that_does_not_answer_is_none(libraries: Path) -> None:
    found = asked(libraries, {**L4, "DOUBLE_NVML": "9"})
    assert (found["version"], found["gpus"]) == (None, [])


def test_the_mesh_engine_stands_on_libraries_alone() -> None:
    code = (
        "import sys; from pathlib import Path; from liveportrait_core.options import Engine; "
        "from liveportrait_core.diagnostics import inspect; "
        "stack = inspect(Engine.MESH, Path('weights')); "
        "print(stack.torch, stack.onnxruntime, stack.weights, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "None", "None", "False"]


def test_liveportrait_stands_on_torch_and_onnxruntime(tmp_path: Path) -> None:
    stack = inspect(Engine.LIVEPORTRAIT, tmp_path)
    assert stack.torch is not None
    assert stack.onnxruntime is not None
    assert stack.torch.version.startswith("2.13.0")
    assert stack.onnxruntime.installed == ("onnxruntime-gpu",)
    assert stack.weights is None  # there are none in that folder
    assert dict(stack.libraries)["mediapipe"] == "0.10.21"
    if stack.driver == Driver():
        assert stack.onnxruntime.runs_on == "CPUExecutionProvider"
