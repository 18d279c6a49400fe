"""All that is known of one person goes, and nothing of anybody else."""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from functions.domain.job_record import Deletion
from functions.domain.storage_paths import OWNER_KEY
from functions.domain.subject import Subject
from functions.domain.transitions.deletions import Cleaner
from functions.reconcile.__main__ import main
from functions.reconcile.erase import Erasure, ErasureReport
from tests.functions.doubles import MemoryLedger, about
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import BUCKET, SETTINGS, Scene

ALICE, BOB = "alice", "bob"


@dataclass(kw_only=True)
class MemoryOwner:
    """The memory ledger's documents by owner."""

    ledger: MemoryLedger
    taken: list[str] = field(default_factory=list)  # by another owner before the deletion

    def avatars(self, owner: str) -> Sequence[str]:
        documents = self.ledger.documents.items()
        return [each for each, held in documents if "/" not in each and held["userId"] == owner]

    def talks(self, avatar_id: str) -> Sequence[Subject]:
        paths = (each.split("/") for each in self.ledger.documents)
        names = {path[2] for path in paths if path[0] == avatar_id and len(path) == 3}
        ledgers = (each.partition(":") for each in self.ledger.jobs)
        names |= {talk for avatar, _, talk in ledgers if avatar == avatar_id and talk}
        return [about(avatar_id, each) for each in sorted(names)]

    def delete_avatar(self, avatar_id: str, owner: str) -> bool:
        if avatar_id in self.taken:
            self.ledger.documents[avatar_id]["userId"] = BOB
        if self.ledger.documents.get(avatar_id, {}).get("userId") != owner:
            return False
        del self.ledger.documents[avatar_id]
        return True

    def quotas(self, owner: str, avatar_ids: Sequence[str]) -> Sequence[str]:
        names = {f"owner:{owner}", *(f"avatar:{each}" for each in avatar_ids)}
        return sorted(names & self.ledger.quotas.keys())

    def delete_quota(self, name: str) -> None:
        self.ledger.quotas.pop(name, None)


@pytest.fixture
def watch() -> Watch:
    """Two avatars of Alice's and one of Bob's, each with its video, its motion and its quota."""
    watch = Watch(scene=Scene(settings=replace(SETTINGS, accept_uploads=True)))
    for owner, names in ((ALICE, ("mia", "mio")), (BOB, ("kim",))):
        for name in names:
            watch.healthy(name, userId=owner)
        watch.scene.media.put(f"users/{owner}/uploads/1.jpg", b"another picture")
    return watch


def erase(
    watch: Watch, owner: str = ALICE, *, dry_run: bool = False, **taken: Any
) -> ErasureReport:
    documents = MemoryOwner(ledger=watch.scene.ledger, **taken)
    return Erasure(
        deps=watch.scene.deps,
        documents=documents,
        lister=watch.lister,
        owner=owner,
        dry_run=dry_run,
    ).run()


def left(watch: Watch, *names: str) -> set[str]:
    """Whatever is still there and named so, but for tombstones."""
    ledger = watch.scene.ledger
    everything = {*ledger.documents, *ledger.jobs, *ledger.quotas, *watch.scene.media.objects}
    known = {each for each in everything if not each.startswith("deleted:")}
    return {each for each in known if any(name in each for name in names)}


def test_a_person_is_erased_and_nobody_else(watch: Watch) -> None:
    before = left(watch, "kim", BOB)
    report = erase(watch)
    assert left(watch, "mia", "mio", ALICE) == set()
    assert left(watch, "kim", BOB) == before
    assert (report.avatars, report.documents, report.ledgers) == (["mia", "mio"], 2, 2)
    assert report.objects == 2 * (2 + 2 + 1) + 1  # inputs, outputs, motion; and the upload
    assert report.size_bytes > 0
    assert report.quotas == ["avatar:mia", "avatar:mio", f"owner:{ALICE}"]
    assert report.faults == 0
    assert {"deleted:mia", "deleted:mio"} <= watch.scene.ledger.quotas.keys()
    assert erase(watch) == ErasureReport()


def test_the_talks_of_a_person_are_erased_too(watch: Watch) -> None:
    """Also one whose document is gone, and of which no event has told."""
    ledger = watch.scene.ledger
    for name in ("hello", "bye"):
        sound = "avatars/mia/hello.wav"
        watch.scene.media.put(sound, b"sound")
        request = {"audioUrl": f"gs://{BUCKET}/{sound}"}
        ledger.documents[f"mia/talks/{name}"] = {"request": request}
        watch.scene.handler.handle_subject(about("mia", name))
    del ledger.documents["mia/talks/bye"]
    report = erase(watch)
    assert (report.documents, report.ledgers, report.faults) == (3, 4, 0)
    assert left(watch, "mia", "mio", ALICE) == set()
    assert not [each for each in (*ledger.jobs, *ledger.documents) if each.startswith("mia")]


def test_a_dry_run_tells_the_same_and_changes_nothing(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = copy.deepcopy((watch.world(), watch.scene.ledger.quotas))
    told = erase(watch, dry_run=True)
    assert (watch.world(), watch.scene.ledger.quotas) == before
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    paths = {line["path"] for line in lines if line["message"] == "erasing"}
    assert paths == left(watch, "mia", "mio", ALICE) & watch.scene.media.objects.keys()
    assert told == erase(watch)


def test_what_a_lost_event_has_left_is_known_by_its_uploads(watch: Watch) -> None:
    scene = watch.scene
    del scene.ledger.documents["mia"]  # and no event of it
    scene.media.put("avatars/mia/hero.jpg", b"portrait", metadata={OWNER_KEY: ALICE})
    scene.media.put("avatars/kim/odd.jpg", b"by Alice", metadata={OWNER_KEY: ALICE})
    scene.media.put("avatars/odd.jpg", b"nowhere", metadata={OWNER_KEY: ALICE})
    bobs = left(watch, "kim") - {"avatars/kim/odd.jpg"}
    assert erase(watch).avatars == ["mia", "mio"]
    assert left(watch, "mia", "mio", ALICE, "odd") == set()
    assert left(watch, "kim") == bobs


def test_what_cannot_be_erased_spares_nothing_else_and_goes_with_the_next_run(
    watch: Watch,
) -> None:
    watch.scene.media.faults["delete_prefix"] = [ConnectionError("503")] * 2
    report = erase(watch)
    assert report.faults == 1
    assert left(watch, "mio", f"owner:{ALICE}") == set()
    assert left(watch, "mia") != set()
    watch.scene.clock.advance(61)
    watch.sweep()  # or the deletion's own event
    assert left(watch, "mia", "mio", ALICE) == set()


def test_an_input_that_cannot_be_deleted_keeps_its_document_for_the_next_run(
    watch: Watch,
) -> None:
    watch.scene.media.faults["delete"] = [ConnectionError("503")]
    assert erase(watch).faults == 1
    assert "mia" in watch.scene.ledger.documents
    assert erase(watch).faults == 0
    assert left(watch, "mia", "mio", ALICE) == set()


def test_an_avatar_that_has_another_owner_by_now_stays(watch: Watch) -> None:
    report = erase(watch, taken=["mia"])
    assert (report.faults, watch.scene.ledger.documents["mia"]["userId"]) == (1, BOB)
    assert "mia" in watch.scene.ledger.jobs
    assert left(watch, "mio") == set()


def test_another_clean_up_is_waited_for(watch: Watch) -> None:
    scene, cleaner = watch.scene, Cleaner(owner="cleaner", lease_s=SETTINGS.lease_s)
    document = scene.ledger.documents.pop("mia")
    scene.ledger.transact(about("mia"), cleaner.begin)
    scene.ledger.documents["mia"] = document
    scene.clock.after(20, partial(_end, scene, cleaner))
    assert erase(watch).faults == 0
    assert left(watch, "mia", "mio", ALICE) == set()


def _end(scene: Scene, cleaner: Cleaner) -> None:
    gone: tuple[Deletion, ...] = scene.ledger.record("mia").deletions
    scene.ledger.transact(about("mia"), partial(cleaner.end, gone=gone))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["erase"], "--owner"),
        (["erase", "--owner", ""], "''; accepted: a user's id"),
        (["erase", "--owner", " x"], "' x'; accepted: a user's id"),
        (["--dry-run", "erase", "--owner", "x"], "unrecognized arguments: erase"),
        (["erase", "--owner", "x", "--limit", "1"], "--limit"),
    ],
)
def test_an_erasure_that_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
