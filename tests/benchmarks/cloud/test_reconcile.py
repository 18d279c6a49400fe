"""What the model says of reconcile's reads is what a run asks for."""

from collections import Counter
from typing import Any

import pytest

from benchmarks.cloud.reconcile import Load, Reads, reads_of_all, reads_of_recent, show
from functions.domain.subject import Subject
from tests.functions.doubles import about
from tests.functions.reconcile import reconciling
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import BUCKET, IMAGE, VIDEO, document, talk_document

SAMPLE = 2 * 41 * 2  # the look for an emptied collection, at most


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Documents that are read, as Firestore counts them: each that a query or a look returns."""
    counted: Counter[str] = Counter()

    def counting(kind: Any, name: str, each: int) -> None:
        real = getattr(kind, name)

        def call(*given: Any) -> Any:
            found = real(*given)
            counted[name] += each * _length(found, given)
            return found

        monkeypatch.setattr(kind, name, call)

    for name in ("avatars", "ledgers", "saved"):
        counting(reconciling.MemoryCensus, name, 1)
    counting(reconciling.MemoryCensus, "dated", 2)
    counting(reconciling.MemoryCensus, "without_document", 1)
    for name in ("between", "pending"):
        counting(reconciling.MemoryRequests, name, 1)
    counting(reconciling.MemoryTalks, "dated", 4)
    for name in ("talks", "ledgers"):
        counting(reconciling.MemoryTalks, name, 1)
    return counted


def _length(found: Any, given: tuple[Any, ...]) -> int:
    if isinstance(given[-1], Subject):
        return 1
    if isinstance(given[-1], list):  # looked up by their ids, there or not
        return len(given[-1])
    return len(getattr(found, "found", getattr(found, "subjects", found)))


def watch_of(load: Load) -> Watch:
    watch = Watch()
    for path in (IMAGE, VIDEO):  # of an avatar whose document is still to be made
        del watch.scene.media.objects[path]
    for number in range(load.avatars):
        name = f"a{number}"
        if number < load.served:
            watch.healthy(name)
        else:
            watch.scene.ledger.documents[name] = {"nickname": name, "updatedAt": 1}
    for number in range(round(load.served * load.talks_each)):
        talk = about(f"a{number}", "said")
        watch.scene.media.put(f"avatars/a{number}/sound.wav", b"sound")
        request = {"audioUrl": f"gs://{BUCKET}/avatars/a{number}/sound.wav"}
        watch.scene.ledger.documents[str(talk)] = {**talk_document(), "request": request}
        watch.scene.handler.handle_subject(talk)
    assert document()["updatedAt"]
    watch.scene.clock.advance(86_400 * 30)
    return watch


def test_a_pass_over_all_reads_what_the_model_says(reads: Counter[str]) -> None:
    load = Load(avatars=40)
    watch = watch_of(load)
    reads.clear()
    watch.lister.listings = 0
    report = watch.sweep(page_size=500)
    assert report.found == {}
    wanted = reads_of_all(load)
    assert wanted.documents <= reads.total() <= wanted.documents + SAMPLE
    assert watch.lister.listings <= wanted.listings


def test_a_pass_over_what_is_recent_reads_what_the_model_says(reads: Counter[str]) -> None:
    load = Load(avatars=40, saved=0.25, requested=0.0)
    watch = watch_of(load)
    watch.sweep(recent=True)
    now = round(watch.scene.clock.now() * 1000)
    for number in (*range(5), *range(35, 40)):  # half of those that are saved ask for a video
        watch.scene.ledger.documents[f"a{number}"]["updatedAt"] = now
    watch.scene.clock.advance(86_400)
    reads.clear()
    watch.lister.listings = 0
    assert watch.sweep(recent=True).found == {}
    # The double's query leaves those out that never asked, which Firestore has read all the same.
    wanted, left_out = reads_of_recent(load), 5
    assert wanted.documents - left_out <= reads.total() <= wanted.documents + SAMPLE
    assert watch.lister.listings == wanted.listings


def test_a_night_costs_less_than_a_pass_over_all_and_grows_with_the_avatars() -> None:
    for avatars in (10_000, 1_000_000):
        load = Load(avatars=avatars)
        assert reads_of_recent(load).usd < reads_of_all(load).usd
        assert reads_of_recent(load).documents < reads_of_all(load).documents / 10
    assert Reads(documents=100_000, listings=1_000).usd == pytest.approx(0.035)
    assert len(show()) == 5
