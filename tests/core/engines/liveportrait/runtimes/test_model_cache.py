"""What was converted is kept beside the weights, and used only if it is whole."""

import logging
from pathlib import Path

import pytest

from liveportrait_core.engines.liveportrait.runtimes.openvino import model_cache
from liveportrait_core.engines.liveportrait.runtimes.openvino.model_cache import (
    ModelCache,
    cache_key,
)

NUMBERS = b"numbers"


def write(folder: Path) -> None:
    (folder / "graph.bin").write_bytes(NUMBERS)


def unwanted(_folder: Path) -> None:
    raise AssertionError("the entry serves")


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    made = ModelCache(tmp_path, "key", write)
    assert made.folder == tmp_path / ".compiled" / "key"
    assert ModelCache(tmp_path, "key", unwanted).folder == made.folder


@pytest.mark.parametrize("damage", ["changed", "missing", "no contents", "not json"])
def test_an_entry_that_is_not_whole_is_made_anew(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = ModelCache(tmp_path, "key", write).folder
    if damage == "changed":
        (folder / "graph.bin").write_bytes(NUMBERS[::-1])
    elif damage == "missing":
        (folder / "graph.bin").unlink()
    else:
        (folder / "contents.json").write_text("{}" if damage == "no contents" else "{")
    with caplog.at_level(logging.WARNING):
        assert ModelCache(tmp_path, "key", write).folder == folder
    assert "is not usable" in caplog.text
    assert (folder / "graph.bin").read_bytes() == NUMBERS
    ModelCache(tmp_path, "key", unwanted)


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the entry serves"):
        ModelCache(tmp_path, "key", unwanted)
    assert list((tmp_path / ".compiled").iterdir()) == []


def test_old_entries_go_when_a_new_one_is_made(tmp_path: Path) -> None:
    for number in range(6):
        ModelCache(tmp_path, f"entry{number}", write)
    kept = {path.name for path in (tmp_path / ".compiled").iterdir()}
    assert "entry5" in kept
    assert len(kept) == 4  # people's and animals', of this version and of one beside it


def test_where_nothing_can_be_kept_the_entry_lasts_as_long_as_the_process_needs_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".compiled").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        cache = ModelCache(tmp_path, "key", write)
    assert "cannot be kept beside the weights" in caplog.text
    assert (cache.folder / "graph.bin").read_bytes() == NUMBERS


def test_notes_last_and_a_spoilt_one_is_none(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path, "key", write)
    assert cache.note("bf16_db") is None
    cache.keep_note("bf16_db", 51.5)
    assert ModelCache(tmp_path, "key", unwanted).note("bf16_db") == 51.5
    (cache.folder / "notes.json").write_text("[")
    assert cache.note("bf16_db") is None


def test_weights_and_processor_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = cache_key(["a", "b"])
    assert key == cache_key(["a", "b"])
    assert key != cache_key(["a", "c"])
    monkeypatch.setattr(model_cache, "processor_name", lambda: "another")
    assert key != cache_key(["a", "b"])
