"""What the app asks for, in the model's own words, and what must be shown in the end.

Knows the contract and none of the product: no fingerprint, no request, no ledger.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from tests.functions.doubles import Fields

DROPPED = "dropped"
FORGED = b"forged"  # what somebody else puts in the place of a result
MULTIPLIERS = (0.1, 0.2, 0.3)
_FOREIGN = "https://elsewhere.example/clip.mp4"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One avatar's document as the app last wrote it."""

    exists: bool = False
    opted_in: bool = True
    multiplier: float | str = 0.1
    nonce: int = 0
    mood: int = 0  # an unknown key: it is part of what is asked, and changes nothing
    enabled: bool = True
    image: str | None = "hero.jpg"
    foreign: bool = False  # the clip's URL is another server's
    nickname: int = 0
    mirror: object = DROPPED  # what the save says of `idleVideoUrl`

    @property
    def inputs_key(self) -> "Wanted":
        """What decides whether it asks for the same."""
        return replace(self, nickname=0, mirror=DROPPED)

    @property
    def refusal(self) -> tuple[str, str | None] | None:
        """State and code of what is not rendered; None: it is to be rendered."""
        if not self.enabled:
            return "disabled", None
        if self.image is None:
            return "blocked", "MISSING_HERO_IMAGE"
        if isinstance(self.multiplier, str):
            return "failed", "INVALID_PARAMS"
        return ("failed", "URL_NOT_ALLOWED") if self.foreign else None

    def fields(self, avatar_id: str, bucket: str) -> Fields:
        """The document, without what the server owns."""
        folder = f"gs://{bucket}/avatars/{avatar_id}"
        training: dict[str, Any] = {
            "status": "done",
            "heroVideoUrl": _FOREIGN if self.foreign else f"{folder}/heroVideo.mp4",
            "dynamicsEnabled": self.enabled,
        }
        if self.opted_in:
            inputs: dict[str, object] = {
                "drivingMultiplier": self.multiplier,
                "normalizeLip": True,
                "animationRegion": "all",
                "renderNonce": self.nonce,
                "mood": self.mood,
            }
            if self.mirror != DROPPED:
                inputs["idleVideoUrl"] = self.mirror
            training["livePortrait"] = inputs
        return {
            "nickname": f"Ava {self.nickname}",
            "userId": "owner-1",
            "updatedAt": 1,
            "avatarImageUrl": None if self.image is None else f"{folder}/{self.image}",
            "training": training,
        }


@dataclass(kw_only=True)
class Avatar:
    """What the model knows of one avatar."""

    id: str
    wanted: Wanted = field(default_factory=Wanted)
    wish: int = 0  # counts what was asked for, the same again included
    forged: bool = False  # a client has written `livePortrait` since the pipeline did
    absent_since: float | None = None  # the portrait that is asked for is not there
    lost: set[tuple[str, int]] = field(default_factory=set)  # objects that somebody else destroyed
    revoked: set[tuple[str, int]] = field(default_factory=set)  # whose token was taken away
    was_made: bool = False  # its document was there once
    gone_at: float = 0.0  # when its document was last deleted
    overwritten: bool = False  # an input was overwritten without a save: reconcile's matter

    def asks(self, wanted: Wanted) -> None:
        """The app has written this."""
        if wanted.inputs_key != self.wanted.inputs_key:
            self.wish += 1
            self.overwritten = False
        self.was_made = self.was_made or wanted.exists
        self.wanted = wanted

    @property
    def quota_id(self) -> str:
        """The avatar whose starts its renders count among."""
        return self.id

    @property
    def renders(self) -> bool:
        """Whether it asks for a video."""
        wanted = self.wanted
        return wanted.exists and wanted.opted_in and wanted.refusal is None
