"""Mends what was found wrong with an avatar, by the ordinary path wherever there is one.

Whatever asks for work (a render, a clean-up, a state taken back) is the doorway's, as if an event
had come. What is left are three small repairs of ledger and document and the deletion of litter.
Decides nothing about what is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from functions.domain.job_record import KeptObject
from functions.domain.snapshot import Change, Standing, Verdict
from functions.domain.storage_paths import download_url
from functions.jobs.disposal import dispose
from functions.jobs.ports import Means
from functions.observability import log, telemetry
from functions.reconcile.findings import (
    Entry,
    Finding,
    dead_results,
    dead_tokens,
    litter,
)
from functions.reconcile.page_loader import Inventory
from functions.reconcile.repair_transitions import drop_results, readdress, show_again

MAY_RENDER = frozenset(
    {Finding.LOST_EVENT, Finding.LEFT_OVER, Finding.RESULT_GONE, Finding.OUTDATED}
)
"""What is mended by having a video rendered, unless a kept one answers after all."""


class Attendant(Protocol):
    """Who looks after an avatar as an event would: `render_job.Doorway`."""

    def see_to(self, avatar_id: str) -> None:
        """Bring what the avatar asks for to its end, or raise `RetryLater`."""


@dataclass(frozen=True, kw_only=True)
class Mender:
    """Mends one finding after the other."""

    means: Means
    inventory: Inventory
    doorway: Callable[[], Attendant]  # made by whoever needs it first: it may open a renderer

    def mend(self, entry: Entry, finding: Finding) -> Verdict:
        """Mend one finding of an avatar as it was just seen.

        Returns:
            DONE, or MOVED or BUSY: something has changed since, the next pass will see.

        Raises:
            RetryLater: the ordinary path wants to be called again, later.
        """
        match finding:
            case Finding.LITTER:
                return self._delete_litter(entry)
            case Finding.DEAD_TOKEN:
                return self._renew_urls(entry)
            case Finding.DEAD_RESULT:
                return self._drop_results(entry)
            case Finding.NOT_SHOWN | Finding.STALE_MIRROR:
                rules = self.means.transitions
                return self._transact(entry, lambda now: show_again(now, rules))
            case _:
                with telemetry.request("mend", project=self.means.settings.project):
                    self.doorway().see_to(entry.standing.avatar_id)
                return Verdict.DONE

    def _delete_litter(self, entry: Entry) -> Verdict:
        for stored in litter(entry):
            log.info("litter deleted", path=stored.path, generation=stored.generation)
            self.means.media.discard(stored.path, stored.generation)
        standing = entry.standing
        done = dispose(self.means, standing.avatar_id, standing.record)
        return Verdict.DONE if done else Verdict.AGAIN

    def _drop_results(self, entry: Entry) -> Verdict:
        gone, rules = dead_results(entry), self.means.transitions
        avatar_id = entry.standing.avatar_id
        change = self.means.ledger.transact(avatar_id, lambda now: drop_results(now, gone, rules))
        if change.record is not None:
            dispose(self.means, avatar_id, change.record)  # the half that is left
        return change.verdict

    def _renew_urls(self, entry: Entry) -> Verdict:
        """Publish the token that an object has now; give it one where it has none."""
        verdict = Verdict.DONE
        for kept in dead_tokens(entry):
            verdict = self._renew_url(entry, kept)
            if verdict is not Verdict.DONE:
                break
        return verdict

    def _renew_url(self, entry: Entry, kept: KeptObject) -> Verdict:
        listed, rules = entry.objects[kept.path], self.means.transitions
        token = next(iter(listed.stored.tokens), "")
        if not token:
            token = str(uuid4())
            if not self.inventory.give_token(listed, token):
                return Verdict.MOVED
        url = download_url(kept.path, token, rules.reader.policy)
        return self._transact(entry, lambda now: readdress(now, kept, url, rules))

    def _transact(self, entry: Entry, decide: Callable[[Standing], Change]) -> Verdict:
        return self.means.ledger.transact(entry.standing.avatar_id, decide).verdict
