"""What must stand once all is quiet: as the app asked, nothing left over, quotas that add up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from functions.domain.job_record import Purpose, Record
from functions.domain.task import RenderTask
from tests.functions.doubles import Fields, about
from tests.functions.explorer.checks.every_step import MIRROR, RETRIED, Checks
from tests.functions.explorer.model import DROPPED, FORGED, Avatar
from tests.functions.explorer.world import World

_PENDING = ("queued", "rendering")
_FAILURES = (*RETRIED, "IMAGE_NO_FACE", "QUOTA_EXCEEDED")


@dataclass(kw_only=True)
class Quiet:
    """The end of an episode.

    Attributes:
        world: what is judged.
        checks: those of every step.
        wrong: to be told.
        mended: reconcile has been there.
        orderly: nothing befell that may leave objects behind: no process died or was paused, no
            call hung.
        killed: some process died.
        heard: no event and no task was lost.
        queued: renders are left to a queue.
    """

    world: World
    checks: Checks
    wrong: Callable[[str, str], object]
    mended: bool
    orderly: bool
    killed: bool
    heard: bool
    queued: bool

    def look(self, avatar: Avatar) -> None:
        """Judge one avatar."""
        self.checks.look(avatar)
        record = self.world.ledger.record(avatar.id)
        document = self.world.ledger.documents.get(avatar.id)
        if (document is not None) != avatar.wanted.exists:
            self.wrong("model", f"the document is {document}, the app wants {avatar.wanted}")
            return
        self._lease(record)
        if not (self.heard or self.mended):
            return
        self._dispatch(avatar, record)
        if self.mended or self.orderly:
            self._objects(avatar, record)
        if document is None:
            self._gone(avatar, record)
        elif not avatar.forged:
            live = document.get("livePortrait")
            self._shows(avatar, live if isinstance(live, dict) else {})
            self._mirror(avatar, record, document["training"].get("livePortrait"))
            self._second_mirror(avatar, record, document)
        elif self.mended and record.shown is not None:  # else it could be anybody's text
            self.wrong("model", f"what was forged is left: {document.get('livePortrait')}")

    def quotas(self) -> None:
        """As many starts as there were claims."""
        quotas = self.world.ledger.quotas.items()
        for name, quota in ((name, each) for name, each in quotas if "starts" in each):
            claims = self.checks.attempts.starts[f"{name} {quota['day']}"]
            if quota["starts"] != claims:
                self.wrong("starts", f"{name}: {quota['starts']} starts, {claims} claims")

    # --- what may be left over

    def _lease(self, record: Record) -> None:
        """None, but for that of a render that died, once it has run out: it means nothing."""
        lease = record.lease
        if lease is None:
            return
        lives = lease.expires > self.world.timeline.now * 1000
        strict = self.mended or (self.orderly and lease.purpose is Purpose.RENDER)
        if lives or (strict and not self.checks.attempts.is_dead(lease)):
            self.wrong("lease left", f"a lease is left: {lease}")

    def _dispatch(self, avatar: Avatar, record: Record) -> None:
        """None, but for one whose task was never made: its name is free for the next wish.

        One whose task was lost stays where nothing is asked for, or another event has answered what
        is: it is relied on for a day, then the next event or reconcile replaces it.
        """
        now = round(self.world.timeline.now * 1000)
        lost = record.current_dispatch(now) is None or not avatar.renders
        if record.dispatch is None or (lost and not self.heard):
            return
        task = RenderTask(subject=about(avatar.id), dispatch=record.dispatch)
        if task.task_id in self.world.queue.names:
            self.wrong("dispatch left", f"a dispatch is left: {record.dispatch}")

    def _objects(self, avatar: Avatar, record: Record) -> None:
        folder = f"avatars/{avatar.id}/livePortrait/"
        kept = (item for each in record.results for item in (each.video, each.poster))
        listed = {(each.path, each.generation) for each in kept}
        stored = {each for each in self._owed(folder, record) if "/talks/" not in each[0]}
        if stored - listed:
            self.wrong("objects left", f"nobody lists {sorted(stored - listed)}")

    def _gone(self, avatar: Avatar, record: Record) -> None:
        dead = record.lease is not None and record.lease.purpose is Purpose.CLEAN_UP
        if avatar.id in self.world.ledger.jobs and (self.mended or not dead):
            self.wrong("ledger left", f"the ledger of a deleted avatar is left: {record}")
        self._inputs_are_gone(avatar)
        left = self._owed(f"livePortraitCache/avatars/{avatar.id}/", record)
        if left and (self.mended or self.orderly):
            self.wrong("objects left", f"a deleted avatar leaves {left}")

    def _inputs_are_gone(self, avatar: Avatar) -> None:
        """What is older than its last clean-up; later uploads without a document: reconcile's."""
        tombstone = self.world.ledger.quotas.get(f"deleted:{avatar.id}", {}).get("at", 0)
        left = [
            path
            for path, held in self.world.media.objects.items()
            if path.startswith(f"avatars/{avatar.id}/")
            and (self.mended or held.created < tombstone)
        ]
        if left and (self.mended or self.orderly):
            self.wrong("objects left", f"a deleted avatar leaves {left}")
        if self.mended and avatar.was_made and not tombstone:
            self.wrong("tombstone", "a deleted avatar has no tombstone")

    def _owed(self, folder: str, record: Record) -> set[tuple[str, int]]:
        """What lies in a folder, but for what others did and what is noted for deletion.

        What could not be deleted stays noted until somebody comes: reconcile, at the latest.
        """
        stored = {
            (path, held.generation)
            for path, held in self.world.media.objects.items()
            if path.startswith(folder) and (self.mended or held.body != FORGED)
        }
        if self.mended:
            return stored
        noted = {(each.path, each.generation) for each in record.deletions}
        folders = tuple(each.path for each in record.deletions if not each.generation)
        return {each for each in stored - noted if not each[0].startswith(folders)}

    # --- what is shown

    def _shows(self, avatar: Avatar, live: dict[str, Any]) -> None:
        state, error = live.get("state"), live.get("error")
        told = (state, error["code"] if error else None)
        if state in _PENDING:
            if self.mended or not self._may_wait(avatar):
                self.wrong("stuck", f"it is quiet, and the document shows {state}")
        elif avatar.wanted.opted_in and (self.mended or not avatar.overwritten):
            if not self._is_right(avatar, *told) or (told[1] in RETRIED and "params" not in live):
                self.wrong("model", f"{told} is shown for {avatar.wanted}")
            elif state == "ready":
                self._made_of_what_is_asked(avatar, live)

    def _may_wait(self, avatar: Avatar) -> bool:
        """Whether reconcile is what ends this.

        A render died that nobody wants any more; or a duplicate of an event, whose answer counts no
        more, came to another version, which named the request anew and was to try again.
        """
        renamed = self.checks.attempts.versions > 1 and not self.queued
        return renamed or (self.killed and not avatar.wanted.opted_in)

    def _is_right(self, avatar: Avatar, state: str | None, code: str | None) -> bool:
        if avatar.wanted.refusal is not None:
            return (state, code) == avatar.wanted.refusal
        if avatar.absent_since is not None:
            return state == "ready" or code == "HERO_IMAGE_NOT_FOUND"
        return state == "ready" or (state == "failed" and code in _FAILURES)

    def _made_of_what_is_asked(self, avatar: Avatar, live: dict[str, Any]) -> None:
        objects = self.world.media.objects
        held = objects.get(live["idleVideoPath"])
        if held is None or held.body == FORGED or avatar.absent_since is not None:
            return  # the checks of every step know whether it may be so
        inputs = (f"avatars/{avatar.id}/{name}" for name in (avatar.wanted.image, "heroVideo.mp4"))
        portrait, clip = (objects[path].body for path in inputs)
        multiplier = f"driving_multiplier={avatar.wanted.multiplier}".encode()
        begins = b"video of " + portrait + clip + b"RenderOptions("
        if not held.body.startswith(begins) or multiplier not in held.body:
            self.wrong("model", f"{held.body!r} is shown for {avatar.wanted}")
        if live["fingerprint"] != live["resultFingerprint"]:
            self.wrong("model", "`ready` shows the result of another request")

    def _mirror(self, avatar: Avatar, record: Record, inputs: object) -> None:
        """A stale save's URL is healed; a foreign one stays."""
        if not isinstance(inputs, dict) or not record.results or not avatar.wanted.opted_in:
            return
        mirror = inputs.get("idleVideoUrl", DROPPED)
        ours = isinstance(mirror, str) and f"avatars%2F{avatar.id}%2FlivePortrait" in mirror
        if mirror != record.results[0].video.url and (ours or mirror in (DROPPED, None)):
            self.wrong("mirror", f"{MIRROR} is {mirror}")

    def _second_mirror(self, avatar: Avatar, record: Record, document: Fields) -> None:
        """Where it is on, it shows the same as the first; nobody writes foreign URLs to it here."""
        shown = record.shown
        if not self.checks.settings.mirror_dynamics or not avatar.renders or shown is None:
            return
        told = document.get("dynamics", {}).get("basic", {}).get("idleVideoUrl")
        if shown.state == "ready" and told != record.results[0].video.url:
            self.wrong("mirror", f"the second mirror is {told}")
