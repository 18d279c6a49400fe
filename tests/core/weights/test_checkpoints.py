"""Reading weight files: both formats, and every kind of wrong file."""

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from liveportrait_core.errors import EngineUnavailable
from liveportrait_core.weights.checkpoints import PERCEPTRONS, read_perceptrons, read_state
from liveportrait_core.weights.manifest import Checkpoint
from tests.golden.synthetic_weights import flat_perceptrons, nested_perceptrons

MOTION = Checkpoint.MOTION_EXTRACTOR
STITCHING = Checkpoint.STITCHING_RETARGETING


def adopt(folder: Path, *paths: Path) -> None:
    """Write a manifest that means the files as they are."""
    files = [
        {
            "checkpoint": path.stem,
            "hub_path": path.name,
            "path": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in paths
    ]
    entry = {
        "name": "test", "hub": "owner/name", "revision": "a" * 40, "licence": "MIT",
        "description": "", "non_commercial": False, "files": files,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({"sets": [entry]}))


def state() -> dict[str, Tensor]:
    return {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.arange(2.0)}


def save_legacy(content: dict[str, Tensor], path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("suffix", "save"),
    [(".pth", torch.save), (".pth", save_legacy), (".safetensors", save_file)],
)
def test_reads_both_formats(tmp_path: Path, suffix: str, save: Callable[..., None]) -> None:
    path = tmp_path / f"motion_extractor{suffix}"
    save(state(), path)
    adopt(tmp_path, path)
    found, read = read_state(tmp_path, MOTION)
    assert found == path
    assert read.keys() == state().keys()
    assert all(torch.equal(read[key], value) for key, value in state().items())


@pytest.mark.parametrize("safetensors", [False, True])
def test_reads_three_perceptrons_from_one_file(tmp_path: Path, safetensors: bool) -> None:
    states = {
        name: {"mlp.0.weight": torch.full((2, 2), value)}
        for name, value in (("stitching", 1.0), ("lip", 2.0), ("eye", 3.0))
    }
    path = tmp_path / f"stitching_retargeting{'.safetensors' if safetensors else '.pth'}"
    if safetensors:
        save_file(flat_perceptrons(states), path)
    else:
        torch.save(nested_perceptrons(states), path)
    adopt(tmp_path, path)
    _, read = read_perceptrons(tmp_path)
    assert {name: sorted(entry) for name, entry in read.items()} == {
        name: ["mlp.0.weight"] for name in PERCEPTRONS
    }
    assert [float(read[name]["mlp.0.weight"][0, 0]) for name in PERCEPTRONS] == [1, 2, 3]


def test_a_missing_file_is_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        read_state(tmp_path, MOTION)
    message = str(caught.value)
    assert str(tmp_path / "liveportrait/base_models/motion_extractor.pth") in message
    assert f"Run: python -m liveportrait_core weights fetch --to {tmp_path}" in message


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda content: content[:-100], r"expected \d+ bytes; found \d+ bytes"),
        (lambda content: content[:-1] + b"?", r"expected SHA-256 \w{64}; found SHA-256 \w{64}"),
    ],
)
def test_a_file_other_than_the_manifests_is_refused(
    tmp_path: Path, damage: Callable[[bytes], bytes], found: str
) -> None:
    path = tmp_path / "motion_extractor.pth"
    torch.save(state(), path)
    adopt(tmp_path, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(EngineUnavailable, match=rf"motion_extractor\.pth .*{found}\. Run: python"):
        read_state(tmp_path, MOTION)


class Hostile:
    """Touches a file when unpickled the ordinary way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_that_would_execute_is_refused_and_executes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "motion_extractor.pth"
    torch.save({"a.weight": Hostile(tmp_path / "executed")}, path)
    adopt(tmp_path, path)
    with pytest.raises(EngineUnavailable, match=r"motion_extractor\.pth holds something else"):
        read_state(tmp_path, MOTION)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Not found</html>",
        b"PK\x03\x04 not a zip",
        pickle.dumps(3, protocol=2),
        b"\x80\x02",
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_foreign_bytes_are_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"motion_extractor{suffix}"
    path.write_bytes(content)
    adopt(tmp_path, path)
    remedy = "Run: .* --safetensors" if suffix == ".pth" else "Remove it and run: .* fetch --to"
    with pytest.raises(EngineUnavailable, match=rf"holds something else: expected a .*{remedy}"):
        read_state(tmp_path, MOTION)


@given(content=st.binary(max_size=60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_at_all_get_past_the_reader(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "motion_extractor.pth"
    path.write_bytes(b"\x80\x02" + content)
    adopt(tmp_path, path)
    with pytest.raises(EngineUnavailable, match="holds something else"):
        read_state(tmp_path, MOTION)


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(1)], {"a": {"b": torch.zeros(1)}}])
def test_something_that_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "motion_extractor.pth"
    torch.save(content, path)
    adopt(tmp_path, path)
    with pytest.raises(EngineUnavailable, match="holds something else: expected a"):
        read_state(tmp_path, MOTION)


def test_a_stitching_file_without_one_of_its_networks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stitching_retargeting.pth"
    torch.save({"retarget_eye": state(), "retarget_mouth": state()}, path)
    adopt(tmp_path, path)
    with pytest.raises(EngineUnavailable, match="found no retarget_shoulder in 2 entries"):
        read_perceptrons(tmp_path)
