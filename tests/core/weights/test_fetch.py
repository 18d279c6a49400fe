"""Fetching from a hub that truncates, corrupts, stalls, restarts, and is somebody else's."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from filelock import FileLock

from liveportrait_core.__main__ import main
from liveportrait_core.errors import FetchFailed
from liveportrait_core.weights import fetch
from liveportrait_core.weights.fetch import fetch_all
from tests.core.weights.conftest import ANIMAL, NETWORK, ONNX, RESTRICTED, content, write_manifest
from tests.core.weights.hub import FaultyHub, corrupt, running_hub, stall, truncate


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PAUSE_S", 0.01)


def fetch_into(folder: Path, hub: FaultyHub, **options: Any) -> list[str]:
    said: list[str] = []
    fetch_all(folder, endpoint=hub.endpoint, say=said.append, **options)
    return said


def weight_files(folder: Path) -> list[str]:
    """Every file a loader could find."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix in (".pth", ".onnx", ".safetensors")
    )


def test_fetches_the_free_files_and_nothing_else(folder: Path, hub: FaultyHub) -> None:
    fetch_into(folder, hub)
    assert weight_files(folder) == [NETWORK, ONNX]
    assert (folder / NETWORK).read_bytes() == content(NETWORK)
    assert RESTRICTED not in [path for path, _ in hub.downloads]


def test_fetches_the_restricted_detector_when_its_licence_is_accepted(
    folder: Path, hub: FaultyHub
) -> None:
    fetch_into(folder, hub, non_commercial=True)
    assert RESTRICTED in weight_files(folder)


def test_fetches_the_animals_when_they_are_asked_for(folder: Path, hub: FaultyHub) -> None:
    hub.faults = [truncate]
    said = fetch_into(folder, hub, animals=True)
    assert ANIMAL in weight_files(folder)
    assert (folder / ANIMAL).read_bytes() == content(ANIMAL)
    assert said[-1] == f"{ANIMAL}: from owner/name"  # its size is not known beforehand


def test_an_animals_file_that_is_another_is_refused_by_its_digest(
    folder: Path, hub: FaultyHub
) -> None:
    hub.files[ANIMAL] = b"something else"
    with pytest.raises(FetchFailed, match=r"expected SHA-256 \w+, received"):
        fetch_into(folder, hub, animals=True)
    assert ANIMAL not in weight_files(folder)


def test_does_not_fetch_twice(folder: Path, hub: FaultyHub) -> None:
    fetch_into(folder, hub)
    asked = len(hub.downloads)
    assert fetch_into(folder, hub) == [f"{path}: here and whole" for path in (NETWORK, ONNX)]
    assert len(hub.downloads) == asked


@pytest.mark.parametrize("fault", [truncate, stall])
def test_continues_where_the_line_broke(folder: Path, hub: FaultyHub, fault: Any) -> None:
    hub.faults = [fault]
    fetch_into(folder, hub)
    half = len(content(NETWORK)) // 2
    assert hub.downloads[:2] == [(NETWORK, 0), (NETWORK, half)]
    assert (folder / NETWORK).read_bytes() == content(NETWORK)


def test_follows_the_hub_to_its_file_store(folder: Path, hub: FaultyHub) -> None:
    hub.redirects = True
    hub.faults = [truncate]
    fetch_into(folder, hub)
    assert (folder / NETWORK).read_bytes() == content(NETWORK)


def test_a_part_that_is_too_long_is_thrown_away(folder: Path, hub: FaultyHub) -> None:
    part = folder / fetch.INCOMING / f"{hashlib.sha256(content(NETWORK)).hexdigest()}.part"
    part.parent.mkdir()
    part.write_bytes(content(NETWORK) + b"more")
    fetch_into(folder, hub)
    assert (folder / NETWORK).read_bytes() == content(NETWORK)
    assert not part.exists()


def test_a_part_that_is_something_else_is_thrown_away(folder: Path, hub: FaultyHub) -> None:
    part = folder / fetch.INCOMING / f"{hashlib.sha256(content(NETWORK)).hexdigest()}.part"
    part.parent.mkdir()
    part.write_bytes(b"as after a power cut")
    fetch_into(folder, hub)
    assert hub.downloads[:2] == [(NETWORK, 20), (NETWORK, 0)]
    assert (folder / NETWORK).read_bytes() == content(NETWORK)


def test_begins_again_after_a_corrupt_file(folder: Path, hub: FaultyHub) -> None:
    hub.faults = [corrupt]
    fetch_into(folder, hub)
    assert hub.downloads[:2] == [(NETWORK, 0), (NETWORK, 0)]
    assert (folder / NETWORK).read_bytes() == content(NETWORK)


def test_never_gives_a_corrupt_file_its_name(folder: Path, hub: FaultyHub) -> None:
    hub.faults = [corrupt] * 10
    with pytest.raises(FetchFailed, match=r"motion_extractor\.pth: expected SHA-256 \w+, received"):
        fetch_into(folder, hub)
    assert weight_files(folder) == []


def test_replaces_a_damaged_file(folder: Path, hub: FaultyHub) -> None:
    fetch_into(folder, hub)
    (folder / NETWORK).write_bytes(content(NETWORK)[:-5])
    fetch_into(folder, hub)
    assert (folder / NETWORK).read_bytes() == content(NETWORK)


def test_begins_again_when_the_server_ignores_ranges(folder: Path, hub: FaultyHub) -> None:
    hub.faults = [truncate]
    hub.ignores_ranges = True
    fetch_into(folder, hub)
    assert (folder / NETWORK).read_bytes() == content(NETWORK)


def test_refuses_a_hub_that_has_another_file(folder: Path, hub: FaultyHub) -> None:
    hub.files[NETWORK] = b"something else"
    with pytest.raises(FetchFailed, match=r"has 14 bytes, expected 300000"):
        fetch_into(folder, hub)
    assert not hub.downloads
    assert weight_files(folder) == []


def test_names_the_address_of_a_missing_file(folder: Path, hub: FaultyHub) -> None:
    del hub.files[NETWORK]
    with pytest.raises(FetchFailed, match=r"/other/repo/resolve/abc/.*pth is not there"):
        fetch_all(
            folder, hub="other/repo", revision="abc", endpoint=hub.endpoint, say=lambda _: None
        )


def test_gives_up_on_a_dead_server_with_a_message(folder: Path) -> None:
    with running_hub(FaultyHub(files={})) as gone:
        pass
    with pytest.raises(FetchFailed, match="Gave up after 3 attempts"):
        fetch_into(folder, gone)


def test_two_processes_do_not_mix(folder: Path, hub: FaultyHub) -> None:
    (folder / fetch.INCOMING).mkdir()
    with (
        FileLock(folder / fetch.INCOMING / "lock"),
        pytest.raises(FetchFailed, match="another process is fetching"),
    ):
        fetch_into(folder, hub)


def test_refuses_what_the_disk_cannot_hold(folder: Path, hub: FaultyHub) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["sets"][0]["files"][0]["bytes"] = 10**18
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FetchFailed, match=r"needs 1000000000000 MB; .* MB free"):
        fetch_into(folder, hub)


def test_the_command_continues_what_a_killed_one_began(tmp_path: Path) -> None:
    piece = huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE
    files = {NETWORK: content(NETWORK, size=2 * piece + 1000)}
    write_manifest(tmp_path, files)
    with running_hub(FaultyHub(files=files, faults=[stall])) as hub:
        command = [sys.executable, "-m", "liveportrait_core", "weights", "fetch"]
        command += ["--to", str(tmp_path), "--endpoint", hub.endpoint]
        with subprocess.Popen(command) as process:
            _wait_for(lambda: any(part.stat().st_size for part in tmp_path.rglob("*.part")))
            process.kill()
        port = int(hub.endpoint.rpartition(":")[2])
    assert weight_files(tmp_path) == []
    with running_hub(FaultyHub(files=files), port=port) as restarted:
        assert main(["weights", "fetch", "--to", str(tmp_path), "--endpoint", hub.endpoint]) == 0
    [(path, first_byte)] = restarted.downloads
    assert path == NETWORK
    assert 0 < first_byte <= piece
    assert weight_files(tmp_path) == [NETWORK]


def _wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened for {seconds} s"
        time.sleep(0.02)
