"""The project's manifest, and telling whole files from others."""

import os
import re
from pathlib import Path, PurePosixPath

import pytest

from liveportrait_core.__main__ import main
from liveportrait_core.engines.liveportrait import joyvasa
from liveportrait_core.errors import EngineUnavailable
from liveportrait_core.lipsync import gfpgan, wav2lip
from liveportrait_core.weights import digests
from liveportrait_core.weights.digests import (Condition, file_digest, inspect_file, missing_checkpoints)
from liveportrait_core.weights.manifest import (ANIMAL_NETWORKS, PROJECT_MANIFEST, Checkpoint, choose_files, read_manifest)
from tests.core.weights.conftest import NETWORK, ONNX, content

RESTRICTED = {Checkpoint.DETECTOR, Checkpoint.LANDMARKS_106}
ENGINE_NEEDS = set(Checkpoint) - RESTRICTED - set(ANIMAL_NETWORKS)


def fill(folder: Path) -> None:
    for path in (NETWORK, ONNX):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content(path))


def test_the_project_manifest_names_everything_once_with_its_digest(tmp_path: Path) -> None:
    manifest = read_manifest(tmp_path)
    assert manifest.path == PROJECT_MANIFEST
    files = [file for weight_set in manifest.sets for file in weight_set.files]
    assert len({file.path for file in files}) == len({file.sha256 for file in files}) == len(files)
    assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in files)
    assert all(re.fullmatch(r"[0-9a-f]{40}", each.revision) for each in manifest.sets)


@pytest.mark.parametrize(("safetensors", "suffix"), [(False, ".pth"), (True, ".safetensors")])
def test_a_plain_fetch_takes_what_the_engine_needs_and_nothing_restricted(
    tmp_path: Path, safetensors: bool, suffix: str
) -> None:
    wanted = choose_files(read_manifest(tmp_path), safetensors=safetensors)
    assert {each.file.checkpoint for each in wanted} == ENGINE_NEEDS
    assert {each.file.path.suffix for each in wanted} == {suffix, ".onnx"}


def test_the_restricted_files_need_a_flag(tmp_path: Path) -> None:
    wanted = choose_files(read_manifest(tmp_path), non_commercial=True)
    assert {each.file.checkpoint for each in wanted} == ENGINE_NEEDS | RESTRICTED


def test_the_animals_need_a_flag_and_come_from_the_same_revision(tmp_path: Path) -> None:
    wanted = choose_files(read_manifest(tmp_path), animals=True)
    assert {each.file.checkpoint for each in wanted} == ENGINE_NEEDS | set(ANIMAL_NETWORKS)
    assert len({(each.hub, each.revision) for each in wanted}) == 1


def test_everything_is_missing_from_an_empty_folder(tmp_path: Path) -> None:
    wanted = tuple(sorted(ENGINE_NEEDS))
    assert missing_checkpoints(tmp_path, wanted) == wanted


def test_a_file_of_the_right_size_is_not_missing(folder: Path) -> None:
    fill(folder)
    both = (Checkpoint.MOTION_EXTRACTOR, Checkpoint.LANDMARKS_203)
    assert missing_checkpoints(folder, both) == ()
    (folder / ONNX).write_bytes(b"short")
    assert missing_checkpoints(folder, both) == (Checkpoint.LANDMARKS_203,)


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"sets": [{}]}', '{"sets": 3}', "\x00", '{"sets": [{"files": []}]}'],
)
def test_refuses_a_manifest_it_does_not_understand(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(EngineUnavailable, match=r"manifest\.json is not a weights manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("path", ["../elsewhere.pth", "/etc/passwd"])
def test_refuses_a_manifest_whose_files_leave_the_folder(folder: Path, path: str) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"path": "{ONNX}"', f'"path": "{path}"'))
    with pytest.raises(EngineUnavailable, match="leaves the weights folder"):
        read_manifest(folder)


def test_tells_whole_from_damaged(folder: Path) -> None:
    file = next(read_manifest(folder).files_for(Checkpoint.MOTION_EXTRACTOR))
    assert inspect_file(folder, file).condition is Condition.MISSING
    fill(folder)
    assert inspect_file(folder, file).condition is Condition.WHOLE
    (folder / NETWORK).write_bytes(content(NETWORK)[:-1])
    assert inspect_file(folder, file).condition is Condition.WRONG_SIZE
    (folder / NETWORK).write_bytes(bytes(len(content(NETWORK))))
    assert inspect_file(folder, file).condition is Condition.WRONG_DIGEST


def test_a_digest_is_remembered_until_the_file_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder)
    path = folder / NETWORK
    os.utime(path, (1, 1))
    first = file_digest(folder, path)
    monkeypatch.setattr(digests, "_in_this_process", {})  # as a new process would begin
    path.write_bytes(bytes(path.stat().st_size))
    os.utime(path, (1, 1))
    assert file_digest(folder, path) == first, "the same size and time: not read again"
    assert file_digest(folder, path, remembered=False) != first
    os.utime(path, (2, 2))
    assert file_digest(folder, path) != first


def test_a_damaged_memory_costs_nothing_but_time(folder: Path) -> None:
    fill(folder)
    expected = file_digest(folder, folder / NETWORK)
    (folder / digests.MEMORY).write_text("{ half a")
    assert file_digest(folder, folder / NETWORK) == expected


def test_verify_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    assert main(["weights", "verify", str(folder)]) == 0
    (folder / NETWORK).write_bytes(bytes(len(content(NETWORK))))
    capsys.readouterr()
    assert main(["weights", "verify", str(folder)]) == 1
    said = capsys.readouterr().out
    assert f"{NETWORK}: wrong digest: expected " in said
    assert f"{ONNX}: whole" in said
    assert f"run: python -m liveportrait_core weights fetch --to {folder}" in said


def test_list_says_whence_and_under_which_licence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "list", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "licence: MIT" in said
    assert "non-commercial research only (only with --accept-insightface" in said
    assert "missing     liveportrait/landmark.onnx" in said


def test_list_names_what_is_never_fetched_and_how_to_bring_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gfpgan").mkdir()
    (tmp_path / "gfpgan" / "GFPGANv1.4.pth").touch()
    assert main(["weights", "list", str(tmp_path)]) == 0
    told = {part.split(":")[0]: part for part in capsys.readouterr().out.split("\n\n")}
    assert "licence: MIT, code and weights" in told["joyvasa"]
    assert "contains HuBERT, inside the first file" in told["joyvasa"]
    assert "for any use\n" in told["joyvasa"]
    assert "motion_template/motion_template.pkl: size not known, digest not known" in told["joyvasa"]
    assert "missing: joyvasa/joyvasa.safetensors" in told["joyvasa"]
    assert "for research or non-commercial use only: --accept-research-only" in told["wav2lip"]
    assert "wav2lip_gan.pth: 435801865 bytes, SHA-256 ca9ab7b7" in told["wav2lip"]
    assert "weights convert wav2lip wav2lip_gan.pth" in told["wav2lip"]
    assert "DFDNet (CC BY-NC-SA)" in told["gfpgan"]
    assert "installed: gfpgan/GFPGANv1.4.pth" in told["gfpgan"]


def test_what_is_brought_lies_where_the_methods_look_for_it(tmp_path: Path) -> None:
    places = {PurePosixPath(each) for each in (joyvasa.PLACE, wav2lip.PLACE, gfpgan.PLACE)}
    brought = read_manifest(tmp_path).brought
    assert {each.path for each in brought} == places
    digests = [file.sha256 for each in brought for file in each.files]
    assert digests.count(None) == 1  # the newer motion template
    assert all(each is None or re.fullmatch(r"[0-9a-f]{64}", each) for each in digests)
