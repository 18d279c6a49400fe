"""How a pass goes over many avatars: page by page, by shards, at what rate, after what fault."""

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.domain.document import DocumentWrite, Snapshot
from functions.domain.storage_paths import OWNER_KEY
from functions.domain.subject import Subject
from functions.reconcile.findings import Finding
from functions.reconcile.loading.shard import IdRange, Shard
from functions.reconcile.runner import Ending, EverythingGone
from tests.functions.doubles import about
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import IMAGE, SETTINGS, VIDEO, Scene, snapshot


@pytest.fixture
def watch() -> Watch:
    return Watch()


def plant(watch: Watch, count: int) -> None:
    """Avatars of which every third has lost its event and every fifth its document."""
    for number in range(count):
        name = f"{string.ascii_letters[number * 17 % 52]}-{number:03}"
        if number % 3 == 0:
            watch.avatar(name)
        else:
            watch.healthy(name)
        if number % 5 == 1:
            del watch.scene.ledger.documents[name]


def test_a_pass_ends_alike_however_it_is_cut(watch: Watch) -> None:
    plant(watch, 20)
    whole, cut, sharded = Watch(), Watch(), Watch()
    for each in (whole, cut, sharded):
        plant(each, 20)
    expected = whole.sweep(page_size=100)
    pieces: Counter[Finding] = Counter()
    ending = Ending.LIMIT
    runs = 0
    while ending is Ending.LIMIT:
        report = cut.sweep(page_size=4, limit=2)
        pieces += report.mended
        ending, runs = report.ending, runs + 1
    assert pieces == expected.mended
    assert runs > 3
    shards = [sharded.sweep(shard=Shard(index=index, count=3)) for index in range(3)]
    assert sum((report.mended for report in shards), Counter()) == expected.mended
    assert all(report.mended for report in shards)
    assert shape(cut) == shape(sharded) == shape(whole)
    assert cut.marks.marks == {}


def shape(watch: Watch) -> object:
    documents = watch.scene.ledger.documents
    states = {
        name: fields.get("livePortrait", {}).get("state") for name, fields in documents.items()
    }
    objects = [CLAIM.sub("", path) for path in sorted(watch.scene.media.objects)]
    return states, sorted(watch.scene.ledger.jobs), objects


def reached(watch: Watch, name: str = "0-of-1") -> tuple[str, str]:
    """Where a pass stands."""
    mark = watch.marks.marks[name]
    return mark["phase"], mark["after"]


CLAIM = re.compile(r"/[0-9a-f-]{36}(?=/)")  # every attempt has a folder of its own


LETTERS = string.ascii_letters[:4] + "-_~ é0"
NAMES = st.text(alphabet=LETTERS, min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(
    present=st.sets(NAMES, max_size=12),
    gone=st.sets(NAMES, max_size=6),
    page_size=st.integers(1, 5),
    count=st.integers(1, 3),
)
def test_every_avatar_is_judged_once_whatever_its_name(
    present: set[str], gone: set[str], page_size: int, count: int
) -> None:
    watch = Watch()
    for name in present:
        watch.avatar(name)
    for name in gone - present:
        watch.scene.media.put(f"avatars/{name}/livePortrait/{'a' * 16}/idle.mp4", b"left")
    tallies = [
        watch.sweep(shard=Shard(index=index, count=count), page_size=page_size, dry_run=True)
        for index in range(count)
    ]
    found: Counter[Finding] = sum((report.found for report in tallies), Counter())
    assert found[Finding.LOST_EVENT] == len(present)
    assert found[Finding.NO_DOCUMENT] == len(gone - present)
    assert sum(report.avatars for report in tallies) == len(present)


def test_a_signal_ends_it_after_the_avatar_at_hand(watch: Watch) -> None:
    for name in "abcdef":
        watch.avatar(name)
    rendered = watch.scene.renderer.renders
    report = watch.sweep(stopping=lambda: len(rendered) == 2)
    assert (report.ending, report.attended) == (Ending.STOPPED, 2)
    assert reached(watch) == ("documents", "b")
    assert watch.sweep().attended == 4
    assert watch.marks.marks == {}


def test_a_dry_run_leaves_marks_alone(watch: Watch) -> None:
    for name in "abcdef":
        watch.avatar(name)
    assert watch.sweep(dry_run=True, page_size=2, limit=3).ending is Ending.LIMIT
    assert watch.sweep(dry_run=True, page_size=2).found == {Finding.LOST_EVENT: 6}
    assert watch.marks.kept == 0


def test_a_beginning_can_be_named(watch: Watch) -> None:
    for name in "abcdef":
        watch.avatar(name)
    assert watch.sweep(after="c").attended == 3
    assert watch.sweep().attended == 3


def test_a_mark_among_upgrades_does_not_hide_documents(watch: Watch) -> None:
    watch.avatar("a")
    watch.marks.keep("0-of-1", {"phase": "upgrades", "after": "zz", "at": 5})
    assert watch.sweep().attended == 1


def test_mends_and_renders_are_paced(watch: Watch) -> None:
    for name in "abc":
        watch.avatar(name)
    for name in "xyz":
        fields = watch.healthy(name)
        del fields["livePortrait"]
    began = watch.scene.clock.now()
    watch.sweep(mends_per_s=2.0, renders_per_min=6.0)
    assert watch.scene.clock.now() - began == pytest.approx(3 * 10.0 + 2 * 0.5)


def test_a_signal_is_heard_while_it_waits(watch: Watch) -> None:
    for name in "ab":
        watch.avatar(name)
    began = watch.scene.clock.now()
    report = watch.sweep(
        renders_per_min=0.5, stopping=lambda: watch.scene.clock.now() - began > 3.0
    )
    assert (report.ending, report.attended) == (Ending.STOPPED, 1)
    assert watch.scene.clock.now() - began < 5.0


# --- faults


def test_a_fault_with_one_avatar_does_not_stop_the_pass(watch: Watch) -> None:
    for name in "abc":
        watch.avatar(name)
    transact = watch.scene.ledger.transact

    def refuse_b(subject: Subject, decide: Callable[..., object], **options: object) -> object:
        if subject.avatar_id == "b":
            raise ConnectionError("the database is away")
        return transact(subject, decide, **options)  # type: ignore[arg-type]

    watch.scene.ledger.transact = refuse_b  # type: ignore[method-assign, assignment]
    report = watch.sweep()
    assert (report.mended, report.faults) == ({Finding.LOST_EVENT: 2}, 1)
    watch.scene.ledger.transact = transact  # type: ignore[method-assign]
    assert watch.sweep().mended == {Finding.LOST_EVENT: 1}


def test_a_page_that_cannot_be_read_ends_the_run_and_the_next_goes_on(watch: Watch) -> None:
    for name in "abcdef":
        watch.avatar(name)
    avatars = watch.repository.avatars

    def refuse_the_second(ids: IdRange, after: str, limit: int) -> Mapping[str, Snapshot]:
        if after == "c":
            raise ConnectionError("the database is away")
        return avatars(ids, after, limit)

    watch.repository.avatars = refuse_the_second  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        watch.sweep(page_size=3)
    assert reached(watch) == ("documents", "c")
    watch.repository.avatars = avatars  # type: ignore[method-assign]
    assert watch.sweep(page_size=3).attended == 3


def test_what_healed_meanwhile_is_left_alone(watch: Watch) -> None:
    for name in "abc":
        watch.avatar(name)
    first = watch.scene.renderer.steps = [lambda: watch.scene.handler.handle_subject(about("c"))]
    assert first
    assert watch.sweep().attended == 2
    assert len(watch.scene.renderer.renders) == 3


def test_an_emptied_collection_is_refused(watch: Watch) -> None:
    for number in range(21):
        watch.healthy(f"avatar-{number}")
    watch.scene.ledger.documents.clear()
    before = watch.world()
    with pytest.raises(EverythingGone, match="LIVEPORTRAIT_COLLECTION"):
        watch.sweep()
    assert watch.world() == before
    assert watch.sweep(limit=20).mended == {Finding.NO_DOCUMENT: 20}
    assert watch.sweep().mended == {Finding.NO_DOCUMENT: 1}
    assert watch.scene.ledger.jobs == {}


def test_a_page_costs_one_listing_and_an_avatar_at_fault_three(watch: Watch) -> None:
    for number in range(30):
        watch.healthy(f"avatar-{number:02}")
    watch.lister.created.clear()
    for path in (IMAGE, VIDEO):  # of an avatar whose document is still to be made
        del watch.scene.media.objects[path]
    watch.lister.listings = 0
    watch.scene.media.calls.clear()
    watch.sweep(page_size=10)
    assert watch.lister.listings == 4
    assert watch.scene.media.calls["delete_prefix"] == watch.scene.media.calls["delete"] == 0


@pytest.mark.parametrize("known", ["ledger", "label", "tombstone"])
def test_inputs_without_a_document_go_where_the_avatar_is_known_to_be_deleted(
    watch: Watch, known: str
) -> None:
    """What a lost event has left, or an upload that was under way when its avatar was deleted."""
    watch.healthy("gone")
    watch.healthy("there")
    scene = watch.scene
    if known == "ledger":
        del scene.ledger.documents["gone"]
    else:
        scene.handler.handle_event(deletion(watch, "gone"))
        if known == "label":
            del scene.ledger.quotas["deleted:gone"]
        label = {OWNER_KEY: "owner-1"} if known == "label" else {}
        scene.media.put("avatars/gone/late.jpg", b"late", metadata=label)
    there = {path for path in scene.media.objects if "/there/" in path}
    scene.clock.advance(1)
    assert watch.sweep().mended == {Finding.NO_DOCUMENT: 1}
    assert not any("/gone/" in path for path in scene.media.objects)
    assert there <= scene.media.objects.keys()
    assert watch.sweep().attended == 0


def test_inputs_that_nothing_tells_of_are_told_and_left_alone(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An app may upload before it makes the document; and the collection may be another's."""
    watch.scene.media.put("avatars/draft/hero.jpg", b"picture")
    young = {"avatars/young/hero.jpg": round(watch.scene.clock.now() * 1000)}
    watch.lister.created |= young
    watch.scene.media.put("avatars/young/hero.jpg", b"picture", metadata={OWNER_KEY: "x"})
    report = watch.sweep()
    assert (report.found, report.attended) == ({Finding.ORPHANED_INPUT: 1}, 0)
    told = [line for line in capsys.readouterr().err.splitlines() if '"found"' in line]
    assert ["avatars/draft/hero.jpg" in line for line in told] == [True]
    assert {"avatars/draft/hero.jpg", *young} <= watch.scene.media.objects.keys()


def test_an_app_that_shares_the_folder_keeps_its_files() -> None:
    watch = Watch(scene=Scene(settings=replace(SETTINGS, keep_inputs=True)))
    watch.healthy("gone")
    watch.scene.media.put("avatars/gone/notes.txt", b"the app's", metadata={OWNER_KEY: "x"})
    watch.scene.handler.handle_event(deletion(watch, "gone"))
    kept = {"avatars/gone/notes.txt", "avatars/gone/hero.jpg", "avatars/gone/heroVideo.mp4"}
    assert {path for path in watch.scene.media.objects if "/gone/" in path} == kept
    assert watch.sweep().found == {}


def test_a_wrong_collection_costs_no_upload(watch: Watch) -> None:
    """No ledger tells of them: the function has never run under that name."""
    for number in range(21):
        watch.scene.media.put(f"avatars/{number}/a.jpg", b"a face", metadata={OWNER_KEY: "x"})
    with pytest.raises(EverythingGone, match="LIVEPORTRAIT_COLLECTION"):
        watch.sweep()
    del watch.scene.media.objects["avatars/0/a.jpg"]
    assert watch.sweep().mended == {Finding.NO_DOCUMENT: 20}


def deletion(watch: Watch, avatar_id: str) -> DocumentWrite:
    """The document goes; this is its event."""
    before = watch.scene.ledger.documents.pop(avatar_id)
    watch.scene.clock.advance(1)
    return DocumentWrite(
        subject=about(avatar_id),
        before=snapshot(before),
        after=None,
        committed_s=watch.scene.clock.now(),
    )


@pytest.mark.parametrize("name", ["..", ".", "__reserved__", "", "x" * 1501])
def test_objects_under_what_is_no_id_are_nobodys(watch: Watch, name: str) -> None:
    watch.healthy("a")
    watch.scene.media.put(f"avatars/{name}/livePortrait/{'a' * 16}/idle.mp4", b"whose?")
    watch.scene.media.put(f"livePortraitCache/avatars/{name}/x", b"whose?")
    report = watch.sweep()
    assert (report.attended, report.faults) == (0, 0)
