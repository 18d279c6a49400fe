"""How a record may change, and what of it the document shows: every decision inside a transaction.

Pure. Each method looks at a `Standing` and answers with a `Change`, which the ledger's adapter
commits. Deciding the same twice changes nothing the second time, so a commit whose answer was lost
may simply be repeated. Rules: docs/contract.md, sections 3, 4 and 9.
"""

from dataclasses import dataclass, replace

from functions.domain.document import ABSENT, State
from functions.domain.failed_tries import is_told
from functions.domain.job_record import Dispatch, Missing, Problem, Record, Result, Shown
from functions.domain.request import NotOptedIn, Reader, Refusal
from functions.domain.snapshot import Advance, Asked, Change, Claim, Standing, Verdict
from functions.domain.status_view import dynamics_fields, mirror_fields, shown_fields
from functions.domain.withdrawal import released, withdrawn
from functions.errors import Code
from functions.settings import Settings

ATTEMPTS = 3
_FIRST_STAGE = "download"  # as the claim shows it
_HOUR_MS = 3_600_000


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """The rules of one deployment."""

    reader: Reader
    settings: Settings

    # --- without a lease: only while the document is still the one this was worked out from

    def reuse(self, standing: Standing, asked: Asked, result: Result) -> Change:
        """Publish a listed result again; heal the mirror where it stands already."""
        if (hindrance := standing.hindrance(asked.relevant)) is not None:
            return Change(verdict=hindrance)
        listed = standing.record.result(asked.fingerprint)
        if listed is None or listed != result:
            return Change(verdict=Verdict.MOVED)
        record = standing.record.asking(asked.fingerprint, asked.wish)
        others = (each for each in record.results if each != listed)
        shown = asked.answered(record.shown, listed, standing.now)
        record = replace(record, lease=None, results=(listed, *others), shown=shown)
        # An avatar that was made again shows nothing, whatever its ledger says.
        anew = standing.document is not None and standing.document.output is ABSENT
        return self._write(standing, record, publishing=anew or record != standing.record)

    def restate(self, standing: Standing, asked: Asked) -> Change:
        """Show a final failure again where another state was forged; heal the mirror."""
        if (hindrance := standing.hindrance(asked.relevant)) is not None:
            return Change(verdict=hindrance)
        if not standing.record.failed_for_good(asked.fingerprint):
            return Change(verdict=Verdict.MOVED)
        return self._write(standing, standing.record, verdict=Verdict.FINAL)

    def queue(self, standing: Standing, asked: Asked) -> Change:
        """Tell the app that its request was heard, where nothing answers it already."""
        if (hindrance := standing.hindrance(asked.relevant)) is not None:
            return Change(verdict=hindrance)
        record, wanted = standing.record, asked.fingerprint
        told = standing.document is not None and is_told(record, standing.document)
        if told or record.in_work(wanted, standing.now) or record.failed_for_good(wanted):
            return Change(verdict=Verdict.DONE)
        if record.result(wanted) != asked.unfit:
            return Change(verdict=Verdict.DONE)
        if not record.queued_for(wanted):
            record = record.asking(wanted, asked.wish)
            record = replace(record, shown=asked.pending(record.shown, State.QUEUED, standing.now))
        return self._write(standing, record)

    def refuse(self, standing: Standing, relevant: object, refusal: Refusal) -> Change:
        """Show that what the document asks for is not rendered, and why."""
        if (hindrance := standing.hindrance(relevant)) is not None:
            return Change(verdict=hindrance)
        problem = None if refusal.code is None else Problem.of(refusal.code, refusal.field)
        before, now = standing.record.shown, standing.now
        shown = Shown(state=refusal.state, error=problem, requested=now, finished=now)
        if before is not None and shown == replace(before, requested=now, finished=now):
            shown = before  # it stands since then
        record = replace(standing.record.asking(""), shown=shown)
        return self._write(standing, record)

    def miss(self, standing: Standing, asked: Asked, path: str, problem: Problem) -> Change:
        """An input is not there: try again for a while, without costing an attempt, then fail."""
        if (hindrance := standing.hindrance(asked.relevant)) is not None:
            return Change(verdict=hindrance)
        record, now = standing.record.asking(asked.fingerprint, asked.wish), standing.now
        if record.failed_for_good(asked.fingerprint):
            return Change(verdict=Verdict.FINAL)
        known = record.missing is not None and record.missing.path == path
        since = record.missing.since if record.missing is not None and known else now
        over = now - since >= self.settings.grace_s * 1000
        state = State.FAILED if over else State.QUEUED
        record = replace(
            record,
            missing=Missing(path=path, since=since),
            shown=asked.pending(record.shown, state, now, problem),
        )
        return self._write(standing, record, verdict=Verdict.FINAL if over else Verdict.AGAIN)

    def heal(self, standing: Standing) -> Change:
        """Mend the mirror after a stale save; never anything else."""
        if standing.document is None:
            return Change(verdict=Verdict.DONE)
        fields = mirror_fields(
            standing.document, standing.record, reader=self.reader, avatar_id=standing.avatar_id
        )
        return Change(verdict=Verdict.DONE, fields=fields)

    # --- the queue between gate and renderer

    def dispatch(self, standing: Standing, asked: Asked) -> Change:
        """Note that a task stands for this request: the one that does already, or a new one.

        Refuses what a claim would refuse, so that nobody is woken for it. A render in work is no
        hindrance: it may be given up at any time, the task remains.
        """
        record, now, wanted = standing.record, standing.now, asked.fingerprint
        if (answer := _needless(standing, asked)) is not None:
            return answer
        refusal = self._refuse_start(standing, asked)
        if refusal is not None and not record.in_work(wanted, now):
            return refusal
        record = record.asking(wanted, asked.wish)
        if not record.dispatched(wanted, now):
            record = replace(record, dispatch=Dispatch(fingerprint=wanted, at=now), trouble=None)
        return replace(
            self._write(standing, record, verdict=Verdict.HANDED), dispatch=record.dispatch
        )

    def rest(self, standing: Standing, relevant: object) -> Change:
        """End a task: nothing is left to do for the document as it was seen, and as it still is.

        From here on nobody relies on the task any more: the next wish, were it the same again,
        gets one of its own.
        """
        document, shown = standing.document, standing.record.shown
        if (None if document is None else document.relevant) != relevant:
            return Change(verdict=Verdict.MOVED)
        asks = document is not None and document.opted_in
        if asks and shown is not None and shown.state in (State.QUEUED, State.RENDERING):
            return Change(verdict=Verdict.MOVED)  # it was asked for anew in between
        record = replace(standing.record, dispatch=None)
        return Change(verdict=Verdict.DONE, record=standing.changed(record))

    # --- the claim

    def claim(
        self, standing: Standing, claim: Claim, time_left_s: float, *, yielding: bool = False
    ) -> Change:
        """Take the lease, count the attempt, show `rendering`; or say why not.

        Args:
            standing: document and ledger.
            claim: who wants to render what.
            time_left_s: until the render's deadline.
            yielding: wait for any living lease, also one for something else. Deployments whose
                engines differ name one request differently: who lost its lease while the document
                stood still must not snatch it back, or the two would go on for ever.
        """
        asked, record, now = claim.asked, standing.record, standing.now
        wanted = asked.fingerprint
        if record.held_by(claim.owner):
            return Change(verdict=Verdict.CLAIMED)
        if (answer := _needless(standing, asked)) is not None:
            return answer
        if record.in_work(wanted, now) or (yielding and record.lease_lives(now)):
            return Change(verdict=Verdict.BUSY)
        if (refusal := self._refuse_start(standing, asked)) is not None:
            return refusal
        record = record.asking(wanted, asked.wish)
        if now < record.not_before:
            return Change(verdict=Verdict.NOT_YET)
        return self._grant(standing, record, claim, time_left_s)

    def _grant(
        self, standing: Standing, record: Record, claim: Claim, time_left_s: float
    ) -> Change:
        asked, now = claim.asked, standing.now
        shown = replace(
            asked.pending(record.shown, State.RENDERING, now),
            request_id=claim.owner,
            stage=_FIRST_STAGE,
            started=now,
            deadline=now + round(time_left_s * 1000),
        )
        record = replace(
            record,
            attempts=record.attempts + 1,
            wish=asked.wish,
            missing=None,
            trouble=None,
            percent=0,
            lease=claim.lease(now, self.settings.lease_s),
            shown=shown,
        )
        return replace(self._write(standing, record, verdict=Verdict.CLAIMED), counts=True)

    def _refuse_start(self, standing: Standing, asked: Asked) -> Change | None:
        """The final failure of a request whose attempts, or whose owner's renders, are used up."""
        record, starts = standing.record.asking(asked.fingerprint, asked.wish), standing.starts
        rules = self.settings
        code = None
        if starts.avatar >= rules.renders_per_day or starts.owner >= rules.renders_per_owner_day:
            code = Code.QUOTA_EXCEEDED
        if record.attempts >= ATTEMPTS:
            code = Code.RENDER_FAILED
        if code is None:
            return None
        shown = asked.pending(record.shown, State.FAILED, standing.now, Problem.of(code))
        record = replace(record, lease=None, shown=shown)
        return self._write(standing, record, verdict=Verdict.FINAL)

    # --- under the lease

    def hold(self, standing: Standing, claim: Claim) -> Verdict:
        """Whether a job may go on: DONE, or LOST, or MOVED where the document wants it no more."""
        if not standing.record.held_by(claim.owner):
            return Verdict.LOST
        if standing.document is None:
            return Verdict.MOVED
        ask = self.reader.read(standing.avatar_id, standing.document)
        if isinstance(ask, NotOptedIn) or claim.asked.request.same_render(ask):
            return Verdict.DONE
        return Verdict.MOVED

    def renew(self, standing: Standing, claim: Claim, advance: Advance, *, show: bool) -> Change:
        """Extend the lease and keep the progress; on `show`, in the document as well, but once.

        Whether it was shown before, the ledger knows: the job may not have heard.
        """
        if (verdict := self.hold(standing, claim)) is not Verdict.DONE:
            return Change(verdict=verdict)
        record = replace(
            standing.record,
            lease=claim.lease(standing.now, self.settings.lease_s),
            percent=advance.percent,
        )
        if not show or record.shown is None or record.shown.stage != _FIRST_STAGE:
            return Change(verdict=Verdict.DONE, record=record)
        shown = replace(
            record.shown, stage=advance.stage, percent=advance.percent, eta_s=advance.eta_s
        )
        return self._write(standing, replace(record, shown=shown))

    def complete(self, standing: Standing, claim: Claim, result: Result) -> Change:
        """Publish: list the result, show `ready`, set the mirror, let go of the lease."""
        record = standing.record
        if any(each.request_id == claim.owner for each in record.results):
            return Change(verdict=Verdict.DONE)
        if (verdict := self.hold(standing, claim)) is not Verdict.DONE:
            return Change(verdict=verdict)
        before = record.shown or Shown(state=State.RENDERING)
        result = replace(
            result,
            started=before.started or standing.now,
            finished=standing.now,
            deadline=before.deadline or standing.now,
        )
        others = [each for each in record.results if each.fingerprint != result.fingerprint]
        kept, retired = self._retire((result, *others), standing.now)
        record = replace(
            record,
            attempts=0,
            others={},
            lease=None,
            percent=100,
            results=kept,
            shown=claim.asked.answered(record.shown, result, standing.now),
        )
        return replace(self._write(standing, record, publishing=True), retired=retired)

    def fail(self, standing: Standing, claim: Claim, problem: Problem) -> Change:
        """Note a failed attempt: `queued` until the next one, or `failed` for good.

        MOVED also where the next attempt might succeed, but the document asks for none any more:
        then nothing is left of this one.
        """
        if (verdict := self.hold(standing, claim)) is not Verdict.DONE:
            return Change(verdict=verdict)
        record, now = standing.record, standing.now
        asks = standing.document is not None and standing.document.opted_in
        if problem.retryable and not asks:  # to opt in again is to ask anew
            return withdrawn(standing, replace(record, lease=None), Verdict.MOVED)
        again = problem.retryable and record.attempts < ATTEMPTS
        state = State.QUEUED if again else State.FAILED
        record = replace(
            record,
            lease=None,
            not_before=now + round(self.settings.back_off_s(record.attempts) * 1000)
            if again
            else 0,
            shown=claim.asked.pending(record.shown, state, now, problem),
        )
        return self._write(standing, record, verdict=Verdict.AGAIN if again else Verdict.FINAL)

    def release(self, standing: Standing, owner: str) -> Change:
        """Let go of the lease, if it is still one's own."""
        if not standing.record.held_by(owner):
            return Change(verdict=Verdict.LOST)
        return released(standing)

    # --- parts

    def _retire(
        self, results: tuple[Result, ...], now: int
    ) -> tuple[tuple[Result, ...], tuple[Result, ...]]:
        oldest = now - self.settings.keep_hours * _HOUR_MS
        kept = tuple(
            result
            for place, result in enumerate(results)
            if place < self.settings.keep or result.finished > oldest
        )
        return kept, tuple(result for result in results if result not in kept)

    def _write(
        self,
        standing: Standing,
        record: Record,
        *,
        verdict: Verdict = Verdict.DONE,
        publishing: bool = False,
    ) -> Change:
        """The ledger's record, and whatever of it the document does not show yet."""
        document = standing.document
        fields: dict[str, object] = {}
        if document is not None:
            fields = shown_fields(document, record)
            if document.opted_in:
                fields |= mirror_fields(
                    document,
                    record,
                    reader=self.reader,
                    avatar_id=standing.avatar_id,
                    publishing=publishing,
                )
                if publishing and self.settings.mirror_dynamics:
                    fields |= dynamics_fields(document, record, now=standing.now)
        return Change(verdict=verdict, record=standing.changed(record), fields=fields)


def _needless(standing: Standing, asked: Asked) -> Change | None:
    """Why this need not, or must not, be rendered, whoever asks; None: it is to be rendered."""
    if (hindrance := standing.hindrance(asked.relevant)) is not None:
        return Change(verdict=hindrance)
    if standing.record.result(asked.fingerprint) != asked.unfit:
        return Change(verdict=Verdict.MOVED)
    if standing.record.failed_for_good(asked.fingerprint):
        return Change(verdict=Verdict.FINAL)
    return None
