"""Both makers of the ports, held to one contract: SQLite, and Firestore with a queue of tasks."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import MOST, generation
from web.errors import NotFound, Unavailable, Unprocessable
from web.generation import Generation, Kind, Output, State, Webhook
from web.jobs.files import LocalFiles
from web.jobs.ports import GIVEN_FOR_S, FileStore, JobStore, MessageStore, QueueView
from web.jobs.store import SqliteJobStore
from web.jobs.transitions import begun, canceled


@dataclass
class Maker:
    """What is held to the contract."""

    store: JobStore
    queue: QueueView
    messages: MessageStore
    files: FileStore


@pytest.fixture(params=["sqlite", "cloud"])
def maker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    if request.param == "sqlite":
        store = SqliteJobStore(tmp_path / "a.sqlite", max_queued=MOST)
        files = LocalFiles(tmp_path / "files")
        yield Maker(store=store, queue=store, messages=store, files=files)
        store.close()
        return
    jobs = request.getfixturevalue("cloud")
    yield Maker(store=jobs.store, queue=jobs.queue, messages=jobs.messages, files=jobs.files)


def added(maker: Maker, key: str | None = None, **more: Any) -> Generation:
    return maker.store.add(generation(**more), idempotency_key=key)


def ready(each: Generation, at: float = 200.0) -> Generation:
    output = Output(width=1, height=1, size_bytes=1, frame_count=1)
    return replace(each, state=State.READY, finished_at=at, output=output)


def test_what_was_added_is_read_and_changed_until_it_ends(maker: Maker) -> None:
    made = added(maker, metadata={"ä": [1, None]}, params={"x": 0.1})
    assert maker.store.get(made.id) == made
    assert maker.store.get("other") is None
    assert maker.store.change("other", lambda each: each) is None
    rendering = maker.store.change(made.id, lambda each: begun(each, 100.0))
    assert rendering == replace(made, state=State.RENDERING, attempts=1, started_at=100.0)
    ended = maker.store.change(made.id, ready)
    assert ended is not None
    assert maker.store.change(made.id, lambda each: canceled(each, 300.0)) == ended
    assert maker.store.get(made.id) == ended


def test_a_key_and_an_id_stand_for_one_request_of_one_owner(maker: Maker) -> None:
    made = added(maker, key="k")
    assert added(maker, key="k").id == made.id
    assert maker.store.add(replace(made, folder="new"), idempotency_key=None) == made
    assert added(maker, key="k", owner="bob").id != made.id
    with pytest.raises(Unprocessable, match="Idempotency-Key k was used"):
        added(maker, key="k", request_digest="other")
    with pytest.raises(Unprocessable, match=f"generation {made.id} was used"):
        added(maker, id=made.id, owner="bob")


def test_the_queue_is_bounded_and_its_order_is_that_of_asking(maker: Maker) -> None:
    waiting = [added(maker, created_at=1000.0 + number) for number in range(MOST)]
    assert [maker.queue.position(each) for each in waiting] == list(range(MOST))
    with pytest.raises(Unavailable) as full:
        added(maker)
    assert full.value.retry_after_s
    begun_now = maker.store.change(waiting[0].id, lambda each: begun(each, 1.0))
    assert begun_now is not None
    assert maker.queue.position(begun_now) is None
    assert maker.queue.position(waiting[4]) == 3
    assert (maker.queue.count(State.QUEUED), maker.queue.count(State.RENDERING)) == (4, 1)
    assert added(maker).state is State.QUEUED


def test_pages_hold_an_owner_s_once_the_newest_first(maker: Maker) -> None:
    made = [added(maker, created_at=1000.0 + number).id for number in range(4)]
    added(maker, owner="an", created_at=1.0)
    pages, after = [], None
    while page := maker.store.page("ann", limit=3, after=after):
        pages.append([each.id for each in page])
        after = page[-1].id
    assert pages == [made[:0:-1], made[:1]]


def test_the_last_video_is_known(maker: Maker) -> None:
    assert maker.queue.latest() is None
    first, second, picture = added(maker), added(maker), added(maker, kind=Kind.EDIT)
    for at, each in ((200.0, first), (300.0, second), (400.0, picture)):
        maker.store.change(each.id, lambda now, at=at: ready(now, at))  # type: ignore[misc]
    latest = maker.queue.latest()
    assert latest is not None
    assert latest.id == second.id


def test_what_has_ended_is_deleted_after_its_time(maker: Maker) -> None:
    old, new, waiting = added(maker, key="k"), added(maker), added(maker)
    maker.store.change(old.id, lambda each: ready(each, 200.0))
    maker.store.change(new.id, lambda each: ready(each, 300.0))
    assert [each.id for each in maker.store.delete_ended(250.0)] == [old.id]
    assert maker.store.get(old.id) is None
    assert maker.store.get(new.id) is not None
    assert maker.store.get(waiting.id) is not None
    assert added(maker, key="k").id != old.id


def test_a_message_is_stored_with_its_state_and_given_to_one(maker: Maker) -> None:
    hook = Webhook(url="http://a.test/hook", events=("rendering", "canceled"))
    made = added(maker, webhook=hook, text="a secret", visemes=((0, "aa"),))
    silent = added(maker)
    now = time.time()
    assert maker.messages.take_due(now) == []
    for each in (made, silent):
        maker.store.change(each.id, lambda each: begun(each, 5.0))
    maker.store.change(made.id, lambda each: replace(each, progress=0.5))
    (told,) = maker.messages.take_due(now)
    assert (told.url, told.generation.state, told.attempts) == (hook.url, State.RENDERING, 0)
    assert (told.generation.text, told.generation.visemes) == (None, ())  # it may live longer
    assert maker.messages.take_due(now) == []
    (again,) = maker.messages.take_due(now + 2 * GIVEN_FOR_S)  # its taker died
    assert again.message == told.message
    maker.messages.put_off(replace(told, attempts=1, due=now + 300))
    assert maker.messages.take_due(now + 299) == []
    assert maker.messages.take_due(now + 301)[0].attempts == 1
    maker.messages.forget(told.message)
    assert maker.messages.take_due(now + 9999) == []


def test_a_url_that_is_switched_off_is_told_nothing(maker: Maker) -> None:
    hook = Webhook(url="http://a.test/hook", events=("canceled",))
    first, second = added(maker, webhook=hook), added(maker, webhook=hook)
    maker.store.change(first.id, lambda each: canceled(each, 1.0))
    assert len(maker.messages.take_due(time.time())) == 1
    maker.messages.disable(hook.url)
    maker.store.change(second.id, lambda each: canceled(each, 1.0))
    assert maker.messages.take_due(time.time() + 9999) == []


def test_files_are_kept_by_folder(maker: Maker, tmp_path: Path) -> None:
    for folder in ("one", "one-more"):
        source = tmp_path / f"arriving-{folder}"
        source.mkdir()
        (source / "a.png").write_bytes(folder.encode())
        (source / "b.mp4").write_bytes(b"")
        maker.files.keep(folder, source)
    assert maker.files.fetch("one", "a.png").read_bytes() == b"one"
    with pytest.raises(NotFound, match=r"the file c\.png is gone"):
        maker.files.fetch("one", "c.png")
    maker.files.delete("one")
    with pytest.raises(NotFound):
        maker.files.fetch("one", "b.mp4")
    assert maker.files.fetch("one-more", "a.png").read_bytes() == b"one-more"
