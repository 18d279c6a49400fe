"""Every claim of an episode: who holds the lease, how often, and whether it had reason to fail."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from functions.domain.job_record import Lease, Purpose, Record
from functions.domain.limits.daily_total import share_of
from tests.functions.explorer.disturbances import HARD, Disturbance
from tests.functions.explorer.model import Avatar
from tests.functions.explorer.timeline import Timeline
from tests.functions.explorer.world import Commit

ATTEMPTS = 3
OWNER = "owner-1"


@dataclass(kw_only=True)
class Attempt:
    """One claim, and what befell it."""

    avatar_id: str
    fingerprint: str
    wish: int
    party: str
    reasons: list[str] = field(default_factory=list)
    hiccups: int = 0  # single faults of the ledger, which it must survive
    over: bool = False

    @property
    def excused(self) -> bool:
        """Whether it may have failed, or ended without any word."""
        return bool(self.reasons) or self.hiccups > 1


@dataclass(kw_only=True)
class Attempts:
    """The leases of one episode."""

    timeline: Timeline
    wrong: Callable[[str, str], object]
    versions: int = 1  # of the engine, at once
    total: int = 5_000  # renders a day, of all avatars
    made: dict[str, Attempt] = field(default_factory=dict)  # by the owner of the lease
    claims: Counter[tuple[str, int]] = field(default_factory=Counter)  # by avatar and wish
    names: dict[tuple[str, int], Counter[str]] = field(default_factory=dict)  # those of the claims
    starts: Counter[str] = field(default_factory=Counter)  # by name of the quota, and day
    _latest: dict[str, Disturbance] = field(default_factory=dict)  # by party
    _paused: set[str] = field(default_factory=set)  # parties whose time ran on without them

    # --- what befalls them

    def heed(self, disturbance: Disturbance) -> None:
        """Something befell a call: a reason for the attempt that made it, or whose process it is.

        A single fault of the ledger is no reason: an attempt has to survive it.
        """
        self._latest[disturbance.party.name] = disturbance
        if disturbance.kind in HARD:
            self._paused |= {root(each.name) for each in disturbance.party.host.parties}
        for attempt in self.made.values():
            if not attempt.over:
                self._weigh(attempt, disturbance)

    def _weigh(self, attempt: Attempt, disturbance: Disturbance) -> None:
        what = f"{disturbance.port} {disturbance.kind}"
        if attempt.party == root(disturbance.party.name):
            if disturbance.kind in HARD or not disturbance.port.startswith("ledger"):
                attempt.reasons.append(what)
            else:
                attempt.hiccups += 1
        elif disturbance.kind in HARD and any(
            root(each.name) == attempt.party for each in disturbance.party.host.parties
        ):
            attempt.reasons.append(f"{what}, beside it")

    def excuse(self, reason: str) -> None:
        """The party whose turn it is has a reason that is no disturbance."""
        for attempt in self.made.values():
            if not attempt.over and self._is_by(attempt):
                attempt.reasons.append(reason)

    # --- who holds the lease

    def committed(self, avatar: Avatar, commit: Commit) -> None:
        """A transaction may have given or taken a lease."""
        before, after = commit.before.lease, commit.after.lease
        if before is not None and (after is None or after.owner != before.owner):
            self._ended(avatar, before, after, commit)
        claims = False
        if after is not None and (before is None or after.owner != before.owner):
            self._taken_over(before, after)
            claims = after.purpose is Purpose.RENDER
            if claims:
                self._claimed(avatar, after)
        if claims != commit.counted:
            self.wrong("starts", f"claimed: {claims}; counted as a render start: {commit.counted}")

    def _ended(self, avatar: Avatar, before: Lease, after: Lease | None, commit: Commit) -> None:
        attempt = self.made.get(before.owner)
        if attempt is None:
            return
        attempt.over = True
        if after is not None or not self._is_by(attempt):
            attempt.reasons.append("its lease was taken")
        if self._is_uncounted(before, commit.before, commit.after):
            self.names[avatar.id, attempt.wish][attempt.fingerprint] -= 1
        if avatar.wish != attempt.wish:
            attempt.reasons.append("something else was asked for meanwhile")

    def _is_uncounted(self, lease: Lease, before: Record, after: Record) -> bool:
        """Whether it was given back uncounted; only a process that ends does so."""
        if after.returned <= before.returned:
            return False
        party = self.timeline.current
        assert party is not None
        deps = getattr(party.host, "deps", None)
        if deps is None or not deps.health.ending:
            self.wrong("attempts", f"{lease.owner} is given back by a process that goes on")
        return after.attempts < before.attempts

    def _taken_over(self, before: Lease | None, after: Lease) -> None:
        if before is None or before.expires <= self.timeline.now * 1000:
            return
        if before.purpose is Purpose.CLEAN_UP:
            self.wrong("lease", "the lease of a clean-up is taken over")
        if after.purpose is Purpose.RENDER and before.fingerprint == after.fingerprint:
            self.wrong("lease", "a living lease for the same fingerprint is taken over")

    def _claimed(self, avatar: Avatar, lease: Lease) -> None:
        party = self.timeline.current
        assert party is not None
        name = root(party.name)
        attempt = Attempt(
            avatar_id=avatar.id, fingerprint=lease.fingerprint, wish=avatar.wish, party=name
        )
        latest = self._latest.get(party.name)
        if latest is not None and latest.name == f"{party.name}:{party.calls}":
            self._weigh(attempt, latest)  # it befell the claim itself
        if name in self._paused:
            attempt.reasons.append("its time had run on before")
        if lease.owner in self.made:
            self.wrong("lease", "one claim is granted twice: its folder may be emptied by now")
        self.made[lease.owner] = attempt
        share = share_of(avatar.quota_id, self.total).name
        for quota in (f"avatar:{avatar.quota_id}", f"owner:{OWNER}", share):
            self.starts[f"{quota} {self.today()}"] += 1
        self.claims[avatar.id, avatar.wish] += 1
        names = self.names.setdefault((avatar.id, avatar.wish), Counter())
        names[lease.fingerprint] += 1
        # A job may have looked just before an input was overwritten: that is another name's claim.
        claims = sum(count for _, count in names.most_common(self.versions))
        # Each of two versions counts its own; where one succeeds, the other begins anew, once.
        if claims > ATTEMPTS * (2 * self.versions - 1):
            self.wrong("attempts", f"wish {avatar.wish} is attempted {claims} times")

    def today(self) -> str:
        """The UTC day."""
        return datetime.fromtimestamp(self.timeline.now, UTC).date().isoformat()

    # --- what is asked of them

    def is_ours(self, lease: Lease) -> bool:
        """Whether a lease is held by the party whose turn it is."""
        attempt = self.made.get(lease.owner)
        return attempt is not None and self._is_by(attempt)

    def is_dead(self, lease: Lease) -> bool:
        """Whether a lease is of a render that had reason to end without a word."""
        attempt = self.made.get(lease.owner)
        return attempt is not None and attempt.excused

    def of(self, avatar_id: str, fingerprint: str) -> list[Attempt]:
        """The attempts at one video."""
        wanted = (avatar_id, fingerprint)
        return [each for each in self.made.values() if (each.avatar_id, each.fingerprint) == wanted]

    def _is_by(self, attempt: Attempt) -> bool:
        party = self.timeline.current
        return party is not None and root(party.name) == attempt.party


def root(name: str) -> str:
    """The party for which a heartbeat beats."""
    return name.partition(".beat")[0]
