"""The motion of an avatar's hero video, kept so that a slider's next move need not read the clip.

contract.md, section 3, "Caches". One private object an avatar: it is biometric data, and must
not outlive the document. It only ever saves time: whatever is wrong with it is told in the log,
and the clip is read as if it were not there. Knows nothing of what the bytes mean.
"""

import hashlib
import json
from pathlib import Path

from functions.domain.job_record import Deletion
from functions.domain.storage_paths import StoredObject, Upload, cache_folder
from functions.domain.subject import Subject
from functions.domain.transitions.deletions import noted
from functions.errors import Failure, ObjectExists, Stopped
from functions.jobs.lease import LeaseMonitor
from functions.jobs.ports import Dependencies
from functions.observability import log
from liveportrait_core import MAX_MOTION_BYTES, Species

_KEY, _DIGEST = "key", "sha256"


class MotionCache:
    """The one object of one avatar, for one attempt at a render."""

    def __init__(
        self,
        deps: Dependencies,
        monitor: LeaseMonitor,
        *,
        avatar_id: str,
        video: StoredObject,
        engine_version: str,
        species: Species,
        folder: Path,
    ) -> None:
        """Look at nothing yet.

        Args:
            deps: where it is kept.
            monitor: whether this attempt still may.
            avatar_id: whose motion it is.
            video: the clip it was, or will be, read from.
            engine_version: of who reads it.
            species: of the portrait: networks of its own read the clip.
            folder: for files of this attempt.
        """
        self.video = video
        self._media = deps.media
        self._ledger = deps.ledger
        self._monitor = monitor
        self._avatar = Subject(avatar_id=avatar_id)
        self._path = motion_path(avatar_id)
        self._key = motion_key(
            video, engine_version, max_seconds=deps.settings.max_seconds, species=species
        )
        self._file = folder / "motion.npz"
        self._seen: StoredObject | None = None

    def recall(self) -> bytes | None:
        """The motion, if it is there and of this clip, this engine and this length."""
        try:
            self._seen = self._media.find(self._path)
            if self._seen is None or self._seen.metadata.get(_KEY) != self._key:
                return None
            motion = self._fetched(self._seen)
        except Exception as fault:
            self.distrust(str(fault))
            return None
        log.info("motion recalled", path=self._path, generation=self._seen.generation)
        return motion

    def distrust(self, reason: str) -> None:
        """Say why what was seen is of no use, and delete it."""
        log.warning("kept motion not used", path=self._path, reason=reason)
        if self._seen is None:
            return
        try:
            self._media.delete(self._path, self._seen.generation)
            self._seen = None
        except Exception as fault:  # then it is what `keep` replaces
            log.warning("object not deleted", path=self._path, reason=str(fault))

    def keep(self, motion: bytes) -> None:
        """Store the motion in the place of what was seen, while the lease is this attempt's.

        Raises:
            Stopped, Failure: this attempt must end; nothing was stored.
        """
        try:
            self._monitor.confirm()
            self._store(motion)
        except (Stopped, Failure):
            raise
        except Exception as fault:
            log.warning("motion not kept", path=self._path, reason=str(fault))

    def _fetched(self, seen: StoredObject) -> bytes:
        if seen.encoding:
            raise ValueError(f"it has the content encoding {seen.encoding[:40]!r}; accepted: none")
        if seen.size_bytes > MAX_MOTION_BYTES:
            raise ValueError(
                f"it has {seen.size_bytes} bytes; accepted: at most {MAX_MOTION_BYTES}"
            )
        self._media.fetch(seen, self._file)
        motion = self._file.read_bytes()
        if hashlib.sha256(motion).hexdigest() != seen.metadata.get(_DIGEST):
            raise ValueError(f"its {len(motion)} bytes are not those of its digest")
        return motion

    def _store(self, motion: bytes) -> None:
        self._file.write_bytes(motion)
        facts = {_KEY: self._key, _DIGEST: hashlib.sha256(motion).hexdigest()}
        upload = Upload(
            path=self._path,
            file=self._file,
            content_type="application/octet-stream",
            metadata=facts,
        )
        try:
            self._media.publish(
                upload, replacing=0 if self._seen is None else self._seen.generation
            )
            log.info("motion kept", path=self._path, size_bytes=len(motion))
        except ObjectExists as stands:  # another attempt's, or ours, the answer to which was lost
            log.info("motion not kept", path=self._path, reason=str(stands))
        finally:
            self._go_with_the_avatar()

    def _go_with_the_avatar(self) -> None:
        """Delete the stored motion if the document is gone, or cannot be read.

        A clean-up may have emptied the folder after this attempt had confirmed its lease and before
        the object was there. It begins only where the document is absent: so either that is seen
        here, or it lists the folder later than this, and finds the object.
        """
        try:
            gone = self._ledger.read(self._avatar).document is None
        except Exception as fault:
            log.warning("document and ledger not read", reason=str(fault))
            gone = True
        if not gone:
            return
        try:
            if (found := self._media.find(self._path)) is not None:
                self._media.delete(self._path, found.generation)
                log.info("motion given up", path=self._path)
        except Exception as fault:
            log.warning("object not deleted", path=self._path, reason=str(fault))
            deletion = Deletion(path=self._path)
            self._ledger.transact(self._avatar, lambda now: noted(now, deletion))


def motion_path(avatar_id: str) -> str:
    """Where an avatar's motion is kept."""
    return f"{cache_folder(avatar_id)}motion.npz"


def motion_key(
    video: StoredObject,
    engine_version: str,
    *,
    max_seconds: float,
    species: Species = Species.HUMAN,
) -> str:
    """What decides whether a motion is the one: SHA-256 of all that it follows from."""
    follows_from: dict[str, object] = {
        "engineVersion": engine_version,
        "maxSeconds": max_seconds,
        "video": {"generation": video.generation, "path": video.path},
    }
    if species is not Species.HUMAN:
        follows_from["species"] = species.value
    text = json.dumps(follows_from, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
