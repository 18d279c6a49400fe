"""Sends hostile messages to the real entry, and sees what became of others."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import firebase_admin
import functions_framework
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore, storage

from emulator.suite import Suite
from tests.functions.cloud.issuer import ACCOUNT, URL
from tests.functions.hostile.message import VICTIM, Message

LONGEST_LINE = 25_000  # of the log
_LONGEST_ANSWER = 2_000


def settings(suite: Suite, role: str) -> dict[str, str]:
    return {
        **suite.environment,
        "LIVEPORTRAIT_BUCKET": suite.options.bucket,
        "LIVEPORTRAIT_ENGINE": "mesh",
        "LIVEPORTRAIT_DEBOUNCE_S": "0",
        "LIVEPORTRAIT_ROLE": role,
        "LIVEPORTRAIT_RENDERER_URL": URL,
        "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT": ACCOUNT,
    }


@contextlib.contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        app = functions_framework.create_app(  # type: ignore[no-untyped-call]
            "on_avatar_written", "functions/main.py", "cloudevent"
        )
        yield app.test_client()
        for made in list(firebase_admin._apps.values()):
            firebase_admin.delete_app(made)


class Others:
    """An avatar that no message may change: its document, its ledger, its objects."""

    def __init__(self, suite: Suite) -> None:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in suite.environment.items():
                patch.setenv(name, value)
            self.database = firestore.Client()
            self.storage = storage.Client(credentials=AnonymousCredentials())
        names = ("avatars", "livePortraitJobs")
        self._documents = [self.database.collection(name).document(VICTIM) for name in names]
        self._documents[0].set({"nickname": "A", "livePortrait": {"state": "ready"}})
        self._bucket = self.storage.bucket(suite.options.bucket)
        for path in (f"avatars/{VICTIM}/livePortrait/f/idle.mp4", f"avatars/{VICTIM}/hero.jpg"):
            self._bucket.blob(path).upload_from_string(b"x")

    def close(self) -> None:
        self.database.close()
        self.storage.close()

    def seen(self) -> tuple[object, object]:
        found = self.database.get_all(self._documents)
        documents = {each.reference.path: each.update_time for each in found}
        blobs = self._bucket.list_blobs(prefix=f"avatars/{VICTIM}/")
        return documents, {(blob.name, blob.metageneration, blob.generation) for blob in blobs}


@contextlib.contextmanager
def unchanged(suite: Suite) -> Iterator[None]:
    """Whatever is sent meanwhile, others are afterwards what they were."""
    others = Others(suite)
    before = others.seen()
    yield
    assert others.seen() == before
    others.close()


def checker(client: Any, message: Message, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Send it; the lines of the log."""
    answer = client.open(
        message.path, method=message.method, data=message.body, headers=dict(message.headers)
    )
    lines = capsys.readouterr().err.splitlines()
    assert answer.status_code in message.answers, lines
    assert len(answer.data) < _LONGEST_ANSWER
    for line in lines:
        assert len(line) < LONGEST_LINE
        assert json.loads(line)["severity"] in ("INFO", "WARNING")
    return lines
