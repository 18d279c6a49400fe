"""Data in folders: seeds written by hand, exports imported by another start."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.storage import Bucket, Client

from emulator.control.handle import Control
from emulator.seeding import Seeded
from emulator.suite import Suite, SuiteOptions
from tests.emulator.function_double import FunctionDouble

SEED: dict[str, Any] = {
    "avatars/ada": {
        "name": "Ada",
        "n": 1,
        "half": 0.5,
        "none": None,
        "list": [True, {"deep": {}}],
        "born": {"$timestamp": "1815-12-10T00:00:00Z"},
        "bytes": {"$bytes": "AP8="},
        "friend": {"$reference": "avatars/bob"},
        "place": {"$geo": [1.5, -2]},
        "plain": {"$a": 1, "$b": 2},
    },
    "avatars/bob": {},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "seed"
    (made / "storage" / "avatars").mkdir(parents=True)
    (made / "storage" / "avatars" / "a b.png").write_bytes(b"picture")
    (made / "firestore.json").write_text(json.dumps(SEED))
    return made


def test_a_seed_becomes_documents_and_objects(
    database: firestore.Client,
    bucket: Bucket,
    control: Control,
    function: FunctionDouble,
    folder: Path,
) -> None:
    assert control.seed(folder) == Seeded(documents=2, objects=1)
    ada = database.document("avatars/ada").get().to_dict() or {}
    born, place = ada.pop("born"), ada.pop("place")
    assert (born.year, born.month, born.day) == (1815, 12, 10)
    assert (place.latitude, place.longitude) == (1.5, -2.0)
    assert ada.pop("friend") == database.document("avatars/bob")
    assert ada == {
        "name": "Ada",
        "n": 1,
        "half": 0.5,
        "none": None,
        "list": [True, {"deep": {}}],
        "bytes": b"\0\xff",
        "plain": {"$a": 1, "$b": 2},
    }
    blob = bucket.get_blob("avatars/a b.png")
    assert (blob.content_type, blob.download_as_bytes()) == ("image/png", b"picture")
    control.wait_idle()
    assert len(function.received) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ('{"avatars/ada": 1}', "object of fields"),
        ('{"avatars": {}}', "even number"),
        ('{"avatars/__a__": {}}', "reserved"),
        ('{"avatars/ada": {"a": {"$timestamp": "soon"}}}', "avatars/ada: a is"),
        ('{"avatars/ada": {"a": [{"$geo": [1]}]}}', "two numbers"),
        ('{"avatars/ada": {"a": {"$bytes": "?"}}}', "avatars/ada: a is"),
        ('{"avatars/ada": {"a": {"$colour": "red"}}}', "accepted: \\$timestamp"),
    ],
)
def test_malformed_seeds_are_explained_and_write_nothing(
    database: firestore.Client, control: Control, folder: Path, text: str, message: str
) -> None:
    (folder / "firestore.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        control.seed(folder)
    assert list(database.collections()) == []


def test_a_folder_without_a_seed_is_refused(control: Control, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"neither firestore\.json nor storage/"):
        control.seed(tmp_path)


def test_an_export_brings_all_back_as_it_was(
    suite: Suite, database: firestore.Client, bucket: Bucket, control: Control, tmp_path: Path
) -> None:
    reference = database.document("rooms/ä/parts/x")
    reference.set({"nan": float("nan"), "bytes": b"\0", "when": firestore.SERVER_TIMESTAMP})
    before = reference.get()
    blob = bucket.blob("a/b ä.txt")
    blob.metadata = {"firebaseStorageDownloadTokens": "t0"}
    blob.upload_from_string(b"data", content_type="text/plain")
    blob.patch()
    export = tmp_path / "export"
    control.export(export)
    with Suite(SuiteOptions(import_from=export)) as again:
        client = firestore.Client()
        client._emulator_host = again.firestore_address
        after = client.document("rooms/ä/parts/x").get()
        kept, wanted = (sorted((each.to_dict() or {}).items()) for each in (after, before))
        assert str(kept) == str(wanted), "as text, in which a NaN equals another"
        assert (after.create_time, after.update_time) == (before.create_time, before.update_time)
        assert client.document("rooms/ä/parts/x").update({"n": 1}).update_time > after.update_time
        client.close()
        path = f"/v0/b/{bucket.name}/o/a%2Fb%20%C3%A4.txt"
        described = httpx.get(f"{again.storage_url}{path}").json()
        assert described["generation"] == str(blob.generation)
        assert described["metageneration"] == str(blob.metageneration)
        media = httpx.get(f"{again.storage_url}{path}", params={"alt": "media", "token": "t0"})
        assert media.content == b"data"
        assert again.control.events() == ()


def test_an_export_replaces_an_export_and_nothing_else(control: Control, tmp_path: Path) -> None:
    control.export(tmp_path / "export")
    control.export(tmp_path / "export")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all my work")
    with pytest.raises(ValueError, match="left alone"):
        control.export(tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "mine"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("emulator-export.json", '{"version": 2}', "version 2; accepted: 1"),
        ("firestore.jsonl", '{"colour": 1}', "damaged"),
        ("firestore.jsonl", "{", "Expecting"),
        ("storage.jsonl", '{"kind": "object"}', "damaged"),
        ("objects/0", "other", "not those exported"),
    ],
)
def test_damaged_exports_are_refused(
    bucket: Bucket, control: Control, tmp_path: Path, file: str, text: str, message: str
) -> None:
    bucket.blob("a").upload_from_string(b"data")
    control.export(tmp_path / "export")
    (tmp_path / "export" / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        Suite(SuiteOptions(import_from=tmp_path / "export")).start()
    with pytest.raises(ValueError, match="no export"):
        Suite(SuiteOptions(import_from=tmp_path)).start()


def test_folders_over_http(
    suite: Suite, database: firestore.Client, folder: Path, tmp_path: Path
) -> None:
    with httpx.Client(base_url=suite.control_url) as http:
        seeded = http.post("/seed", json={"folder": str(folder)})
        assert seeded.json() == {"documents": 2, "objects": 1}
        export = {"folder": str(tmp_path / "export")}
        assert http.post("/export", json=export).status_code == 204
        assert http.post("/seed", json={}).status_code == 400
        assert http.post("/seed", json=export).status_code == 400
    lines = (tmp_path / "export" / "firestore.jsonl").read_text().splitlines()
    assert [json.loads(line)["name"].rpartition("/")[2] for line in lines] == ["ada", "bob"]


def run_once(*arguments: str) -> tuple[int, str, str]:
    """Start the command line, waits until it is up, and stops it."""
    free = ("--firestore-port", "0", "--storage-port", "0", "--tasks-port", "0")
    ports = (*free, "--control-port", "0")
    process = subprocess.Popen(
        [sys.executable, "-m", "emulator", *ports, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        if process.poll() is None and lines[-1]:
            process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    return process.returncode, "".join(lines), said


def test_the_command_line_keeps_data_from_one_run_to_the_next(folder: Path, tmp_path: Path) -> None:
    export = tmp_path / "kept" / "export"
    code, _, said = run_once("--seed", str(folder), "--export-on-exit", str(export))
    assert code == 0, said
    assert f"its data goes to {export}" in said
    code, _, said = run_once("--import", str(export), "--export-on-exit")
    assert code == 0, said
    assert len((export / "firestore.jsonl").read_text().splitlines()) == 2
    with Suite(SuiteOptions(import_from=export)) as suite:
        client = Client(
            project="p",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": suite.storage_url},
        )
        name = suite.options.bucket
        assert client.bucket(name).blob("avatars/a b.png").download_as_bytes() == b"picture"
        client.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--export-on-exit",), "needs a folder"),
        (("--import", "/nowhere"), "/nowhere is no export"),
        (("--seed", "/nowhere"), "/nowhere has neither"),
        (("--export-on-exit", "/dev/null/x"), "/dev/null"),
    ],
)
def test_wrong_folders_are_explained_at_the_start(arguments: tuple[str, ...], message: str) -> None:
    code, _, said = run_once(*arguments)
    assert code == 2
    assert message in said
    assert "Traceback" not in said
