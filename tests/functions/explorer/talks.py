"""A talk beside an avatar: what the app asks for, and what must hold of it at every step.

The same invariants as an avatar's (lease, attempts, starts, listed objects, URLs that play), and
those of section 12: only `talk` is written, the last request is answered, and it goes with its
avatar.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from functions.domain.job_record import Purpose, Record
from functions.domain.storage_paths import OWNER_KEY, download_url
from functions.domain.subject import Subject
from tests.functions.doubles import Fields, about
from tests.functions.explorer.checks.attempts import OWNER, Attempts
from tests.functions.explorer.model import MULTIPLIERS, Avatar
from tests.functions.explorer.world import Commit, World
from tests.functions.scene import BUCKET, POLICY

_STRENGTHS = (0.5, 1.0, 1.5)
_GAPS_S = (0.5, 8.0, 8.0, 200.0)
_PENDING = ("queued", "rendering")


@dataclass(frozen=True, kw_only=True)
class WantedTalk:
    """A talk's document as the app last wrote it."""

    exists: bool = False
    strength: float | str = 1.0
    nonce: int = 0
    sound: bool = True  # False: it names none

    @property
    def refusal(self) -> tuple[str, str] | None:
        """State and code of what is not rendered; None: it is to be rendered."""
        if not self.sound:
            return "blocked", "MISSING_AUDIO"
        return ("failed", "INVALID_PARAMS") if isinstance(self.strength, str) else None

    def fields(self, avatar_id: str) -> Fields:
        """The document, without what the server owns."""
        url = f"gs://{BUCKET}/avatars/{avatar_id}/sound.wav" if self.sound else None
        request = {"audioUrl": url, "strength": self.strength, "renderNonce": self.nonce}
        return {"request": request}


@dataclass(kw_only=True)
class Talk(Avatar):
    """What the model knows of one talk; its id is its ledger's."""

    host: Avatar
    said: WantedTalk = field(default_factory=WantedTalk)

    @property
    def quota_id(self) -> str:
        """The avatar whose starts its renders count among."""
        return self.host.id

    @property
    def subject(self) -> Subject:
        """The talk."""
        return about(self.host.id, "hi")


@dataclass(kw_only=True)
class TalkApp:
    """The app writes talks: in moments of its own, while the avatar is there."""

    world: World
    talk: Talk
    seed: object
    tell: Callable[[str, str], object]

    def __post_init__(self) -> None:
        self._stream = random.Random(f"{self.seed}/talk")  # noqa: S311 - must be repeatable

    def script(self) -> list[tuple[float, str, Callable[[str], object]]]:
        """Moments, names and acts."""
        stream, at_s = self._stream, 0.0
        acts: list[tuple[float, str, Callable[[str], object]]] = []
        for number in range(stream.choice((2, 3, 5, 7))):
            at_s += stream.choice(_GAPS_S) * stream.random()
            change = stream.choice(
                (
                    {"strength": stream.choice(_STRENGTHS)},
                    {"strength": stream.choice(_STRENGTHS)},
                    {"strength": stream.choice(_STRENGTHS), "sound": True},
                    {"nonce": number},
                    {"strength": "loud"},
                    {"sound": False},
                    {"exists": False},
                )
                if number
                else ({},)
            )
            acts.append((at_s, f"talk{number}", self._act(change)))
        return acts

    def _act(self, change: dict[str, Any]) -> Callable[[str], object]:
        return lambda name: self._write(name, {"exists": True, **change})

    def _write(self, name: str, change: dict[str, Any]) -> None:
        talk, path = self.talk, str(self.talk.subject)
        if talk.host.id not in self.world.ledger.documents:
            return  # the rules demand the avatar first
        before = self.world.ledger.documents.get(path)
        said = replace(talk.said, **change)
        self.tell(name, f"app: {said}")
        sound = f"avatars/{talk.host.id}/sound.wav"
        self.world.media.put(sound, b"sound", metadata={OWNER_KEY: OWNER})
        talk.wish += said != talk.said
        talk.said = said
        kept = {"talk": before["talk"]} if before is not None and "talk" in before else {}
        fields = said.fields(talk.host.id) | kept if said.exists else None
        self.world.write(talk.subject, fields, name)


@dataclass(kw_only=True)
class TalkChecks:
    """What must hold of talks."""

    world: World
    attempts: Attempts
    wrong: Callable[[str, str], object]
    shown: Counter[str] = field(default_factory=Counter)  # `rendering`, by request

    def committed(self, talk: Talk, commit: Commit) -> None:
        """A transaction was committed."""
        self.attempts.committed(talk, commit)
        if commit.fields:
            self._fields(talk, commit)
        self.look(talk)

    def _fields(self, talk: Talk, commit: Commit) -> None:
        before = (commit.document or {}).get("talk")
        if set(commit.fields) != {"talk"} or commit.document is None:
            self.wrong("fields", f"{sorted(commit.fields)} are written to {commit.document}")
            return
        live: Any = commit.fields["talk"]
        if live == before:
            self.wrong("writes", "talk is written although it stands")
        if not isinstance(live, dict):
            return
        if live["state"] == "rendering":
            self.shown[live["requestId"]] += 1
            if (times := self.shown[live["requestId"]]) > 2:
                self.wrong("writes", f"`rendering` is written {times} times")
        if live["state"] == "ready" and live["params"]["strength"] != talk.said.strength:
            shown = commit.before.shown
            again = shown is not None and shown.state == "ready"
            if not again or shown is None or shown.fingerprint != live["fingerprint"]:
                self.wrong("model", f"ready at {live['params']}, the app wants {talk.said}")

    def look(self, talk: Talk) -> None:
        """What the ledger lists is in place, and the URL that is shown plays."""
        record = self.world.ledger.record(talk.id)
        for kept in (item for each in record.results for item in (each.video, each.poster)):
            if not self._stands(talk, kept.path, kept.generation):
                self.wrong("listed", f"{kept.path} is listed and not there")
        live = self._live(talk)
        if live is not None and "videoUrl" in live:
            held = self.world.held(live["videoPath"])
            url = None if held is None else download_url(live["videoPath"], held.token, POLICY)
            listed = [each.video for each in record.results if each.video.path == live["videoPath"]]
            excused = listed and self._stands(talk, listed[0].path, listed[0].generation)
            if url != live["videoUrl"] and not (held is None and excused):
                self.wrong("plays", f"the URL shown does not play: {live['videoPath']}")

    def _stands(self, talk: Talk, path: str, generation: int) -> bool:
        """Whether an object is in place, or went with its avatar's deletion, as it must."""
        held = self.world.held(path)
        went = held is None and generation <= talk.host.gone_at * 1_000_000
        return went or (held is not None and held.generation == generation)

    def quiet(self, talk: Talk, *, mended: bool, heard: bool, may_wait: bool) -> None:
        """What must stand once all is quiet; `may_wait`: reconcile may be what ends a render."""
        self.look(talk)
        ledger, record = self.world.ledger, self.world.ledger.record(talk.id)
        lease = record.lease
        lives = lease is not None and lease.expires > self.world.timeline.now * 1000
        if lease is not None and (lives or (mended and not self.attempts.is_dead(lease))):
            self.wrong("lease left", f"a lease is left: {lease}")
        there = str(talk.subject) in ledger.documents
        if mended and there and talk.host.id not in ledger.documents:
            self.wrong("ledger left", "a talk outlives its avatar")
        if mended:
            self._left_over(talk, record, there=there)
        live = self._live(talk)
        if live is None or not (heard or mended) or talk.host.id not in ledger.documents:
            return
        if live["state"] in _PENDING and (mended or not may_wait):
            self.wrong("stuck", f"it is quiet, and a talk shows {live['state']}")
        if mended:
            self._is_right(talk, live)

    def _left_over(self, talk: Talk, record: Record, *, there: bool) -> None:
        folder = talk.subject.output_folder
        kept = (item for each in record.results for item in (each.video, each.poster))
        listed = {each.path for each in kept}
        left = {path for path in self.world.media.objects if path.startswith(folder)} - listed
        if left:
            self.wrong("objects left", f"nobody lists {sorted(left)}")
        clean = record.lease is not None and record.lease.purpose is Purpose.CLEAN_UP
        if not there and talk.id in self.world.ledger.jobs and not clean:
            self.wrong("ledger left", f"the ledger of a deleted talk is left: {record}")

    def _is_right(self, talk: Talk, live: dict[str, Any]) -> None:
        host, error = talk.host.wanted, live["error"]
        if not host.opted_in:  # then its parameters are the defaults
            host = replace(host, multiplier=MULTIPLIERS[0])
        told = (live["state"], error["code"] if error else None)
        refusal = host.refusal or talk.said.refusal
        if refusal is not None and live["state"] != "ready" and told != refusal:
            self.wrong("model", f"{told} is shown for {talk.said} of {host}")
        if live["state"] == "ready" and live["params"]["strength"] != talk.said.strength:
            self.wrong("model", f"ready at {live['params']} for {talk.said}")

    def _live(self, talk: Talk) -> dict[str, Any] | None:
        live = self.world.ledger.documents.get(str(talk.subject), {}).get("talk")
        return live if isinstance(live, dict) else None
