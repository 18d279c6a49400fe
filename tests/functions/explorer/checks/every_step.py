"""What must hold at every step, whatever happened; the first breach ends an episode.

Called for every commit, every changed object and every act of the app. Compares with the model and
with the contract's own words; of the product it asks only what its records say.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from functions.domain.job_record import Record
from functions.domain.job_record.status_view import live_portrait
from functions.domain.limits.daily_total import share_of
from functions.domain.storage_paths import download_url
from functions.settings import Settings
from tests.functions.explorer.checks.attempts import ATTEMPTS, OWNER, Attempts
from tests.functions.explorer.model import Avatar
from tests.functions.explorer.talks import Talk, TalkChecks
from tests.functions.explorer.world import Commit, World
from tests.functions.scene import POLICY

MIRROR = "training.livePortrait.idleVideoUrl"
DYNAMICS = "dynamics.basic."
GRACE_S = 60.0
RETRIED = ("RENDER_FAILED", "RENDER_OOM", "RENDER_TIMEOUT", "UPLOAD_FAILED", "INTERNAL")


@dataclass(kw_only=True)
class Checks:
    """The invariants of one episode."""

    world: World
    avatars: dict[str, Avatar]
    talks: dict[str, Talk]  # by their ledgers' ids
    attempts: Attempts
    wrong: Callable[[str, str], object]
    settings: Settings
    shown: Counter[tuple[str, str]] = field(default_factory=Counter)  # `rendering`, by request
    meant: dict[str, object] = field(default_factory=dict)  # by fingerprint: what was asked
    heard: set[tuple[str, int, str, int, str]] = field(default_factory=set)  # `queued`, for what

    def __post_init__(self) -> None:
        self.spoken = TalkChecks(world=self.world, attempts=self.attempts, wrong=self.wrong)

    def committed(self, commit: Commit) -> None:
        """A transaction was committed."""
        if commit.avatar_id in self.talks:
            self.spoken.committed(self.talks[commit.avatar_id], commit)
            self._turns(commit)
            return
        avatar = self.avatars[commit.avatar_id]
        self.attempts.committed(avatar, commit)
        if commit.fields:
            self._fields(avatar, commit)
        self._turns(commit)
        self.look(avatar)

    def _turns(self, commit: Commit) -> None:
        """No more of an owner's renders are in flight than may be, and who waits is in line."""
        ledger, now = self.world.ledger, round(self.world.timeline.now * 1000)
        known = (*self.avatars, *self.talks)
        tasks = {each: ledger.record(each).current_dispatch(now) for each in known}
        flying = [each for each, task in tasks.items() if task is not None and not task.held]
        begins = commit.avatar_id in flying and commit.before.dispatch != commit.after.dispatch
        if begins and len(flying) > self.settings.renders_per_owner_at_once:
            self.wrong("turns", f"{flying} are in flight at once")
        listed = {each.subject.ledger[1]: each.held for each in ledger.turns_of(OWNER).every}
        wanted = {each: task.held for each, task in tasks.items() if task is not None}
        if {each: listed.get(each) for each in wanted} != wanted:
            self.wrong("turns", f"the list says {listed}, the ledgers say {wanted}")

    def object_changed(self, path: str) -> None:
        """An object was made or deleted by the product."""
        for avatar in self.avatars.values():
            if f"avatars/{avatar.id}/" in path:
                self.look(avatar)
        for talk in self.talks.values():
            if path.startswith(talk.subject.output_folder):
                self.spoken.look(talk)

    # --- what the document is told

    def _fields(self, avatar: Avatar, commit: Commit) -> None:
        document = commit.document
        ours = {each for each in commit.fields if not each.startswith(DYNAMICS)}
        allowed = self.settings.mirror_dynamics or ours == set(commit.fields)
        if not allowed or not ours <= {"livePortrait", MIRROR} or document is None:
            self.wrong("fields", f"{sorted(commit.fields)} are written to {document}")
            return
        if MIRROR in commit.fields:
            inputs = document["training"].get("livePortrait")
            if not isinstance(inputs, dict):
                self.wrong("fields", "training.livePortrait is resurrected")
            elif inputs.get("idleVideoUrl") == commit.fields[MIRROR]:
                self.wrong("writes", "the mirror is written although it stands")
        if "livePortrait" in commit.fields:
            self._live(avatar, commit, commit.fields["livePortrait"], document.get("livePortrait"))

    def _live(self, avatar: Avatar, commit: Commit, live: Any, before: object) -> None:
        if live == before:
            self.wrong("writes", "livePortrait is written although it stands")
        forged = before != live_portrait(commit.before)
        avatar.forged = False
        if not isinstance(live, dict):
            return
        if not forged:
            self._counted(avatar, live)
        if live["state"] == "failed":
            self._failed(avatar, commit, live)
        again = _is_shown_again(commit, live, None if forged else before)
        if live["state"] == "ready" and avatar.wanted.opted_in and not again:
            self._ready(avatar, live)

    def _counted(self, avatar: Avatar, live: dict[str, Any]) -> None:
        """At most four writes a render: `queued`, twice `rendering`, the end."""
        if live["state"] == "rendering":
            request = (avatar.id, live["requestId"])
            self.shown[request] += 1
            if self.shown[request] > 2:
                self.wrong("writes", f"`rendering` is written {self.shown[request]} times")
        elif live["state"] == "queued" and live["error"] is None:
            claims = self.attempts.claims[avatar.id, avatar.wish]
            url = str(live.get("idleVideoUrl"))  # a revoked token is replaced meanwhile
            url += str("waiting" in live)  # told once more where it waits for its turn
            heard = (avatar.id, avatar.wish, live["fingerprint"], claims, url)
            if heard in self.heard and self.attempts.versions == 1:
                self.wrong("writes", "`queued` is written twice, and nothing began in between")
            self.heard.add(heard)

    def _ready(self, avatar: Avatar, live: dict[str, Any]) -> None:
        """It is the last wish that is answered, and no two wishes go by one name."""
        wanted = avatar.wanted
        if live["params"]["drivingMultiplier"] != wanted.multiplier:
            self.wrong("model", f"ready at {live['params']}, the app wants {wanted}")
        name = live["fingerprint"]
        meant = self.meant.setdefault(name, (wanted.multiplier, wanted.nonce, wanted.image))
        if meant != (wanted.multiplier, wanted.nonce, wanted.image):
            self.wrong("model", f"{name} answers {wanted}, and was the name of {meant}")

    # --- failures

    def _failed(self, avatar: Avatar, commit: Commit, live: dict[str, Any]) -> None:
        """A final failure must have its reason, and destroy nothing."""
        code, before = live["error"]["code"], commit.before
        if "fingerprint" not in live:
            if code == "INTERNAL":  # else it was refused: the model says whether rightly
                self._ends_nothing(avatar, before)
        elif not before.failed_for_good(live["fingerprint"]):  # else it stands already
            self._destroys_nothing(avatar, before, live["fingerprint"], code)
            self._has_reason(avatar, live["fingerprint"], code)

    def _has_reason(self, avatar: Avatar, fingerprint: str, code: str) -> None:
        if code.endswith("_NOT_FOUND"):
            since = avatar.absent_since
            if since is None or self.world.timeline.now - since < GRACE_S:
                self.wrong("failed", f"{code} although it was there a minute ago")
        elif code == "QUOTA_EXCEEDED":
            self._is_spent(avatar)
        elif code in RETRIED:
            made = self.attempts.of(avatar.id, fingerprint)
            excused = sum(each.excused for each in made)
            if excused < ATTEMPTS:
                self.wrong("failed", f"{code} after {len(made)} attempts, {excused} with reason")

    def _is_spent(self, avatar: Avatar) -> None:
        starts, today, rules = self.attempts.starts, self.attempts.today(), self.settings
        share = share_of(avatar.id, rules.renders_per_day_total)
        spent = {
            f"avatar:{avatar.id}": rules.renders_per_day,
            f"owner:{OWNER}": rules.renders_per_owner_day,
            share.name: share.most,
        }
        made = {name: starts[f"{name} {today}"] for name in spent}
        if all(made[name] < most for name, most in spent.items()):
            self.wrong("failed", f"QUOTA_EXCEEDED after {made} renders")

    def _destroys_nothing(
        self, avatar: Avatar, before: Record, fingerprint: str, code: str
    ) -> None:
        shown = before.shown
        lease, lives = (
            before.lease,
            before.in_work(fingerprint, round(self.world.timeline.now * 1000)),
        )
        if lease is not None and lives and not self.attempts.is_ours(lease):
            self.wrong("failed", f"{code} is written over a living render of the same")
        stands = shown is not None and (shown.state, shown.fingerprint) == ("ready", fingerprint)
        if stands and before.result(fingerprint) is not None and not avatar.lost:
            self.wrong("failed", f"`ready` becomes failed: {code}")

    def _ends_nothing(self, avatar: Avatar, before: Record) -> None:
        """A fault of one delivery is not the end of a render, of its attempts, or of a result."""
        if before.lease_lives(round(self.world.timeline.now * 1000)):
            self.wrong("failed", "INTERNAL is written over a living lease")
        shown = before.shown
        if shown is None or shown.parameters is None or avatar.lost:
            return
        answers = shown.parameters.driving_multiplier / 100 == avatar.wanted.multiplier
        if shown.state == "ready" and answers:
            self.wrong("failed", "INTERNAL is written over `ready`")

    # --- what is there

    def look(self, avatar: Avatar) -> None:
        """The URL that the document shows plays, and what the ledger lists is in place."""
        record, objects = self.world.ledger.record(avatar.id), self.world.media.objects
        for kept in (item for each in record.results for item in (each.video, each.poster)):
            held = objects.get(kept.path)
            stands = held is not None and held.generation == kept.generation
            if not stands and (kept.path, kept.generation) not in avatar.lost:
                self.wrong("listed", f"{kept.path} is listed and not there")
        document = self.world.ledger.documents.get(avatar.id)
        live = None if document is None else document.get("livePortrait")
        if not avatar.forged and isinstance(live, dict) and "idleVideoUrl" in live:
            self._plays(avatar, record, live["idleVideoUrl"], live["idleVideoPath"])

    def _plays(self, avatar: Avatar, record: Record, url: str, path: str) -> None:
        listed = [each.video for each in record.results if each.video.url == url]
        if not listed:
            self.wrong("plays", f"the document shows {path}, which the ledger does not list")
            return
        place = (path, listed[0].generation)
        held = self.world.held(path)
        plays = held is not None and download_url(path, held.token, POLICY) == url
        if not plays and place not in avatar.lost and place not in avatar.revoked:
            self.wrong("plays", f"the URL shown does not play: {path}")


def _is_shown_again(commit: Commit, live: dict[str, Any], before: object) -> bool:
    """Whether the ledger's answer is written once more, with nothing new but its URLs.

    Over a forged one (`before` is None then), or with the new token of a revoked one. That is due
    although the app may have asked for something else since, of which the event is on its way.
    """
    shown = commit.before.shown
    if shown is None or (shown.state, shown.fingerprint) != ("ready", live.get("fingerprint")):
        return False
    urls = ("idleVideoUrl", "posterUrl")
    return not isinstance(before, dict) or any(before.get(url) != live.get(url) for url in urls)
