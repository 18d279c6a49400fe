"""The app, its stale clients, and strangers with a console: what happens to an avatar's document.

A script is drawn from the seed beforehand: moments and actions, each of which can be left out.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from functions.domain.storage_paths import OWNER_KEY, download_url
from tests.functions.doubles import about
from tests.functions.explorer.checks.attempts import OWNER
from tests.functions.explorer.disturbances import Cue
from tests.functions.explorer.model import DROPPED, FORGED, MULTIPLIERS, Avatar, Wanted
from tests.functions.explorer.world import World
from tests.functions.scene import BUCKET, POLICY

_OURS = ("livePortrait", "dynamics")  # fields that only the server writes
_FORGED: tuple[Any, ...] = ("text", {"state": "ready"}, {"state": "queued"}, {})
_CUES = (
    *("media.publish", "media.publish", "media.fetch", "media.delete", "media.delete_prefix"),
    *("ledger.transact", "ledger.transact", "ledger.read", "renderer.frame", "queue.put"),
)
_GAPS = ((0.3, 0.05, 1.0), (0.65, 1.0, 9.0), (0.85, 9.0, 75.0), (1.0, 75.0, 900.0))


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that is done, at a moment or upon the first call of some port after it."""

    at_s: float
    name: str
    do: Callable[[str], object]
    cue: Cue | None = None


@dataclass(kw_only=True)
class App:
    """Acts upon one avatar."""

    world: World
    avatar: Avatar
    seed: object
    tell: Callable[[str, str], object]
    acted: Callable[[Avatar], object]
    without: frozenset[str]
    alone: bool  # nobody else has a hand in it
    sweep: Callable[[], object]

    def __post_init__(self) -> None:
        self._stream = random.Random(f"{self.seed}/app/{self.avatar.id}")  # noqa: S311

    def script(self) -> list[Act]:
        """What happens, in order."""
        stream, at_s = self._stream, 0.0
        acts = [Act(at_s=0.0, name=f"{self.avatar.id}0", do=self._act(self._save, 0.0))]
        for number in range(1, stream.choice((2, 3, 4, 6, 8))):
            pick, size = stream.random(), stream.random()
            low_s, high_s = next((low, high) for share, low, high in _GAPS if pick < share)
            at_s += low_s + (high_s - low_s) * size
            chosen = self._choose(stream)
            name = f"{self.avatar.id}{number}"
            cue = Cue(
                port=stream.choice(_CUES), number=stream.choice((1, 1, 2, 3)), before=pick < 0.5
            )
            cued = stream.random() < 0.4
            do = self._act(chosen, stream.random())
            acts.append(Act(at_s=at_s, name=name, do=do, cue=cue if cued else None))
        return [act for act in acts if act.name not in self.without]

    def _act(self, action: Callable[[str, float], object], size: float) -> Any:
        return lambda name: action(name, size)

    def _choose(self, stream: random.Random) -> Callable[[str, float], object]:
        of_the_app = (
            *(self._move,) * 6, self._nonce, self._nonce, self._unknown, self._again,
            self._opt, self._opt, self._switch, self._portrait, self._wrong,
            self._abroad, self._crop, self._delete, self._delete, self._nickname,
            self._stale, self._stale,
        )  # fmt: skip
        of_others = (
            self._lose, self._lose, self._replace, self._revoke, self._forge, self._overwrite,
            self._spoil, lambda *_: self.sweep(),
        )  # fmt: skip
        pick, which = stream.random(), stream.random()
        acts: Any = of_others if pick > 0.82 and not self.alone else of_the_app
        return acts[int(which * len(acts))]

    # --- the app

    def _save(self, name: str, _: float = 0) -> None:
        self._write(name, replace(self.avatar.wanted, exists=True))

    def _write(self, name: str, wanted: Wanted) -> None:
        """Deep-merge, or replace, what the app owns; the server's own fields survive."""
        before = self.world.ledger.documents.get(self.avatar.id)
        fields = None
        if wanted.exists:
            fields = wanted.fields(self.avatar.id, BUCKET)
            fields |= {
                name: before[name] for name in _OURS if before is not None and name in before
            }
        self.tell(name, f"app: {wanted}")
        if before is None and wanted.exists:
            self._upload(wanted)
        self.avatar.asks(wanted)
        if not wanted.exists:
            self.avatar.forged, self.avatar.gone_at = False, self.world.timeline.now
        self.world.write(about(self.avatar.id), fields, name)
        self._look_for_the_portrait()
        self.acted(self.avatar)

    def _change(self, name: str, **changes: Any) -> None:
        kept = {"mirror": DROPPED, "exists": True}
        self._write(name, replace(self.avatar.wanted, **{**kept, **changes}))

    def _move(self, name: str, size: float) -> None:
        self._change(name, multiplier=MULTIPLIERS[int(size * len(MULTIPLIERS))])

    def _again(self, name: str, _: float) -> None:
        self._change(name, mirror=self._present_mirror())

    def _unknown(self, name: str, _: float) -> None:
        self._change(name, mood=self.avatar.wanted.mood + 1)

    def _nonce(self, name: str, _: float) -> None:
        self._change(name, nonce=self.avatar.wanted.nonce + 1)

    def _opt(self, name: str, _: float) -> None:
        self._change(name, opted_in=not self.avatar.wanted.opted_in)

    def _switch(self, name: str, _: float) -> None:
        self._change(name, enabled=not self.avatar.wanted.enabled)

    def _portrait(self, name: str, _: float) -> None:
        self._change(name, image="hero.jpg" if self.avatar.wanted.image is None else None)

    def _wrong(self, name: str, _: float) -> None:
        self._change(name, multiplier="wrong")

    def _abroad(self, name: str, _: float) -> None:
        self._change(name, foreign=not self.avatar.wanted.foreign)

    def _crop(self, name: str, size: float) -> None:
        """A new portrait: the old object goes first, the URL follows two seconds later."""
        old = self.avatar.wanted.image
        new = f"hero{self.world.number('crop')}.jpg"
        self._put(new, b"portrait " + new.encode())
        if old is not None and old != "hero.jpg":
            self.world.media.objects.pop(f"avatars/{self.avatar.id}/{old}", None)
            self._look_for_the_portrait()
            self.acted(self.avatar)
        self.world.timeline.after(2 * size, lambda: self._show_crop(name, new))

    def _show_crop(self, name: str, new: str) -> None:
        """The avatar may have been deleted, and made again, while its crop was under way."""
        self._put(new, b"portrait " + new.encode())
        self._change(name, image=new)

    def _delete(self, name: str, size: float) -> None:
        """And, mostly, make it again."""
        self._write(name, replace(self.avatar.wanted, exists=False, mirror=DROPPED))
        if size < 0.7:
            later_s = (0.2, 5.0, 70.0)[int(size * 3 / 0.7)]
            self.world.timeline.after(later_s, lambda: self._save(f"{name}b"))

    def _stale(self, name: str, size: float) -> None:
        """A full save by a client that remembers another URL, or none."""
        retired = download_url(f"avatars/{self.avatar.id}/livePortrait/ffff/idle.mp4", "x", POLICY)
        values = (retired, retired, None, "", "https://elsewhere.example/video.mp4")
        self._change(name, mirror=values[int(size * len(values))])

    def _nickname(self, name: str, _: float) -> None:
        wanted = self.avatar.wanted
        self._change(name, nickname=wanted.nickname + 1, mirror=self._present_mirror())

    def _present_mirror(self) -> object:
        document = self.world.ledger.documents.get(self.avatar.id) or {}
        inputs = document.get("training", {}).get("livePortrait")
        return inputs.get("idleVideoUrl", DROPPED) if isinstance(inputs, dict) else DROPPED

    # --- others

    def _outputs(self, ending: str) -> list[str]:
        folder = f"avatars/{self.avatar.id}/livePortrait/"
        objects = self.world.media.objects
        own = (each for each in objects if each.startswith(folder) and "/talks/" not in each)
        return [each for each in own if each.endswith(ending)]

    def _lose(self, name: str, size: float) -> None:
        """Somebody deletes a video, or only its poster."""
        for path in self._outputs("idle.mp4" if size < 0.5 else "poster.jpg")[-1:]:
            self._destroyed(name, path)
            del self.world.media.objects[path]
        self.acted(self.avatar)

    def _replace(self, name: str, size: float) -> None:
        for path in self._outputs("idle.mp4" if size < 0.5 else "poster.jpg")[-1:]:
            self._destroyed(name, path)
            self.world.media.put(path, FORGED, token="forged")
        self.acted(self.avatar)

    def _destroyed(self, name: str, path: str) -> None:
        self.tell(name, f"somebody destroys {path}")
        self.avatar.lost.add((path, self.world.media.objects[path].generation))
        self.avatar.wish += 1  # a render of it is another one from now on

    def _spoil(self, name: str, _: float) -> None:
        """The kept motion is overwritten."""
        path = f"livePortraitCache/avatars/{self.avatar.id}/motion.npz"
        held = self.world.media.objects.get(path)
        if held is not None:
            self.tell(name, "somebody overwrites the kept motion")
            self.world.media.put(path, b"spoilt", metadata=held.metadata)

    def _revoke(self, name: str, size: float) -> None:
        for path in self._outputs(".mp4")[-1:]:
            held = self.world.media.objects[path]
            self.tell(name, f"somebody revokes the token of {path}")
            self.avatar.revoked.add((path, held.generation))
            held.token = "" if size < 0.5 else "another"
        self.acted(self.avatar)

    def _forge(self, name: str, size: float) -> None:
        document = self.world.ledger.documents.get(self.avatar.id)
        if document is None:
            return
        forged = _FORGED[int(size * len(_FORGED))]
        self.tell(name, f"a client writes livePortrait = {forged!r}")
        self.avatar.forged = True
        self.world.write(about(self.avatar.id), {**document, "livePortrait": forged}, name)
        self.acted(self.avatar)

    def _overwrite(self, name: str, size: float) -> None:
        """Portrait or clip is overwritten under its URL; mostly the app saves once more."""
        wanted = self.avatar.wanted
        path = "heroVideo.mp4" if size * 10 % 1 < 0.5 else wanted.image
        if path is None:
            return
        self._put(path, b"overwritten by " + name.encode())
        self._look_for_the_portrait()
        self.avatar.wish += 1
        self.avatar.overwritten = True
        self.tell(name, f"{path} is overwritten")
        self.acted(self.avatar)
        if size < 0.6 and wanted.exists:
            self._change(name, nonce=wanted.nonce + 1)

    def _upload(self, wanted: Wanted) -> None:
        """An avatar that is made, or made again, comes with files of its own."""
        # The portrait that it may name later, too: an older one is refused, and deleted.
        for name in sorted({"hero.jpg", wanted.image or "hero.jpg", "heroVideo.mp4"}):
            self._put(name, b"upload of " + name.encode())

    def _put(self, name: str, body: bytes) -> None:
        path = f"avatars/{self.avatar.id}/{name}"
        self.world.media.put(path, body, metadata={OWNER_KEY: OWNER})

    def _look_for_the_portrait(self) -> None:
        avatar = self.avatar
        there = f"avatars/{avatar.id}/{avatar.wanted.image}" in self.world.media.objects
        if there or avatar.wanted.image is None:
            avatar.absent_since = None
        elif avatar.absent_since is None:
            avatar.absent_since = self.world.timeline.now
