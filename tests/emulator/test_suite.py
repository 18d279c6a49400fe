"""The suite as an object: starts, stops, and cleans up."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import firebase_admin
import httpx
import pytest
from firebase_admin import firestore as admin_firestore
from firebase_admin import storage as admin_storage
from firebase_admin.credentials import Base
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from emulator.serving import PortBusy
from emulator.suite import Suite, SuiteOptions


def running() -> int:
    return sum(thread.name == "emulator" for thread in threading.enumerate())


def test_two_suites_do_not_know_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = running()
    with Suite() as one, Suite() as two:
        for suite in (one, two):
            monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", suite.firestore_address)
            client = firestore.Client(project="p")
            assert not client.document("a/b").get().exists
            client.document("a/b").set({"n": 1})
            client.close()
        assert len({one.storage_url, two.storage_url, one.control_url, two.control_url}) == 4
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []
    assert running() == before


@pytest.mark.parametrize(
    ("host", "loopback"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")]
)
def test_clients_are_told_addresses_that_they_can_connect_to(
    host: str, loopback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Suite(SuiteOptions(host=host, control_host=host)) as suite:
        told = suite.environment
        assert told["STORAGE_EMULATOR_HOST"].startswith(f"http://{loopback}:")
        assert told["FIREBASE_STORAGE_EMULATOR_HOST"].startswith(f"{loopback}:")
        assert told["CLOUD_TASKS_EMULATOR_HOST"].startswith(f"{loopback}:")
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", told["FIRESTORE_EMULATOR_HOST"])
        client = firestore.Client(project="p")
        client.document("a/b").set({"n": 1})
        client.close()
        for url in (suite.storage_url, suite.control_url):
            assert httpx.get(url).status_code < 500
            assert host == "::1" or httpx.get(url.replace(loopback, "127.0.0.1")).status_code < 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"firestore_port": 70000}, "firestore_port is 70000; accepted: 0"),
        ({"control_port": -1}, "control_port is -1"),
        ({"tasks_port": 70000}, "tasks_port is 70000"),
        ({"queue": "a b"}, 'queue is "a b"'),
        ({"time_factor": -1.0}, "time_factor is -1.0; accepted: above 0"),
    ],
)
def test_wrong_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SuiteOptions(**change)


def test_a_suite_that_does_not_run_says_so() -> None:
    suite = Suite()
    with pytest.raises(RuntimeError, match="start"):
        _ = suite.storage_url
    suite.stop()
    suite.start()
    with pytest.raises(RuntimeError, match="already"):
        suite.start()
    suite.stop()


def test_it_can_be_started_again_on_the_same_ports() -> None:
    with Suite() as first:
        firestore_port = int(first.firestore_address.rpartition(":")[2])
        storage_port = int(first.storage_url.rpartition(":")[2])
        options = SuiteOptions(firestore_port=firestore_port, storage_port=storage_port)
        with pytest.raises(PortBusy, match=str(storage_port)):
            Suite(options).start()
    with Suite(options) as second:
        assert second.firestore_address == first.options.host + f":{firestore_port}"


LISTENER = """
import sys, time
from google.cloud import firestore

watch = firestore.Client().document("a/b").on_snapshot(lambda *_: print("heard", flush=True))
time.sleep(60)
"""


def test_it_stops_while_clients_listen() -> None:
    # A process of its own: a client whose server is gone reopens its stream for ever, at full speed
    # and in new threads, and now and then even after `unsubscribe`.
    with Suite() as own:
        told = {"FIRESTORE_EMULATOR_HOST": own.firestore_address, "GOOGLE_CLOUD_PROJECT": "p"}
        with subprocess.Popen(
            [sys.executable, "-c", LISTENER],
            env={**os.environ, **told}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as listener:  # fmt: skip
            try:
                assert listener.stdout is not None
                assert listener.stdout.readline() == b"heard\n"
                own.stop()
            finally:
                listener.kill()


def test_firebase_admin_works_with_one_app(suite: Suite) -> None:
    class Anonymous(Base):  # type: ignore[misc]
        def get_credential(self) -> Any:
            return AnonymousCredentials()

    options = {"projectId": suite.options.project, "storageBucket": suite.options.bucket}
    app = firebase_admin.initialize_app(Anonymous(), options, name="test")
    try:
        client = admin_firestore.client(app)
        client.document("avatars/ada").set({"n": 1})
        assert client.document("avatars/ada").get().to_dict() == {"n": 1}
        blob = admin_storage.bucket(app=app).blob("a.txt")
        blob.upload_from_string(b"data")
        assert blob.download_as_bytes() == b"data"
        client.close()
    finally:
        firebase_admin.delete_app(app)
