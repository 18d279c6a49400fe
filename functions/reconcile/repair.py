"""Repair what was found wrong with an avatar, by the ordinary path wherever there is one.

Whatever needs work (a render, a clean-up, a withdrawal) goes to the handler, as if an event had
come. What is left are three small repairs of ledger and document and the deletion of orphans.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from functions.domain.job_record import PublishedObject
from functions.domain.snapshot import (
    AvatarSnapshot,
    Failed,
    TransactionResult,
    TransactionStatus,
    Unleased,
)
from functions.domain.storage_paths import download_url
from functions.domain.subject import Subject
from functions.jobs.cleanup import dispose
from functions.jobs.ports import Dependencies
from functions.observability import log, telemetry
from functions.reconcile.entry import Entry
from functions.reconcile.findings import Finding
from functions.reconcile.loading.ports import ObjectLister
from functions.reconcile.repair_transitions import drop_results, show_again, update_url

MAY_RENDER = frozenset(
    {Finding.LOST_EVENT, Finding.LEFT_OVER, Finding.RESULT_GONE, Finding.OUTDATED}
)
"""Findings whose repair may need a render."""


class SubjectHandler(Protocol):
    """Handles an avatar as for an event: `jobs.handler.RenderHandler`."""

    def handle_subject(self, subject: Subject, *, upgrades: bool = False) -> None:
        """Finish what the avatar asks for, or raise `RetryLater`."""


@dataclass(frozen=True, kw_only=True)
class Repairer:
    """Repairs one finding after the other."""

    deps: Dependencies
    lister: ObjectLister
    handler: Callable[[], SubjectHandler]  # made on first use: it may open a renderer

    def mend(self, entry: Entry, finding: Finding) -> Unleased | Failed:
        """Repair one finding of an avatar that was just loaded.

        Returns:
            DONE; or MOVED or BUSY: it has changed since, and is left to the next pass.

        Raises:
            RetryLater: the ordinary path is to be called again later.
        """
        match finding:
            case Finding.ORPHAN:
                return self._delete_orphans(entry)
            case Finding.DEAD_TOKEN:
                return self._renew_urls(entry)
            case Finding.DEAD_RESULT:
                return self._drop_results(entry)
            case Finding.NOT_SHOWN | Finding.STALE_MIRROR:
                rules = self.deps.transitions
                return self._transact(entry, lambda now: show_again(now, rules))
            case _:
                with telemetry.request("mend", project=self.deps.settings.project):
                    self.handler().handle_subject(
                        entry.avatar.subject, upgrades=finding is Finding.OUTDATED
                    )
                return TransactionStatus.DONE

    def _delete_orphans(self, entry: Entry) -> Unleased | Failed:
        for stored in entry.orphans:
            log.info("litter deleted", path=stored.path, generation=stored.generation)
            self.deps.media.delete(stored.path, stored.generation)
        avatar = entry.avatar
        no_clean_up = not avatar.record.cleaning(avatar.now)
        done = dispose(self.deps, avatar.subject, avatar.record, no_clean_up=no_clean_up)
        return TransactionStatus.DONE if done else TransactionStatus.AGAIN

    def _drop_results(self, entry: Entry) -> Unleased | Failed:
        gone, rules = entry.dead_results, self.deps.transitions
        subject = entry.avatar.subject
        change = self.deps.ledger.transact(subject, lambda now: drop_results(now, gone, rules))
        if change.record is not None:
            dispose(self.deps, subject, change.record)  # the half that is left
        return change.status

    def _renew_urls(self, entry: Entry) -> Unleased | Failed:
        """Publish URLs with the tokens that the objects have now; create a missing token."""
        status: Unleased | Failed = TransactionStatus.DONE
        for kept in entry.dead_tokens:
            status = self._renew_url(entry, kept)
            if status is not TransactionStatus.DONE:
                break
        return status

    def _renew_url(self, entry: Entry, kept: PublishedObject) -> Unleased | Failed:
        stored, rules = entry.objects[kept.path], self.deps.transitions
        token = next(iter(stored.tokens), "")
        if not token:
            token = str(uuid4())
            if not self.lister.give_token(stored, token):
                return TransactionStatus.MOVED
        url = download_url(kept.path, token, rules.reader.policy)
        return self._transact(entry, lambda now: update_url(now, kept, url, rules))

    def _transact(
        self, entry: Entry, decide: Callable[[AvatarSnapshot], TransactionResult[Unleased]]
    ) -> Unleased | Failed:
        return self.deps.ledger.transact(entry.avatar.subject, decide).status
