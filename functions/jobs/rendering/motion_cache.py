"""The motion of an avatar's hero video, stored so that a slider's next move need not read the clip.

One private object per avatar: it is biometric data, and must not outlive the document. It only ever
saves time: whatever is wrong with it is logged, and the clip is read as if it were not there. Knows
nothing of what the bytes mean. Rules: contract.md, section 3, "Caches".
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
        """Read nothing yet.

        Args:
            deps: ports and settings.
            monitor: tells whether this attempt may still write.
            avatar_id: the avatar whose motion it is.
            video: the clip that the motion was, or will be, read from.
            engine_version: of the engine that reads it.
            species: of the portrait; an animal's networks read the clip differently.
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

    def load(self) -> bytes | None:
        """Return the motion, if it is there and of this clip, this engine and this length."""
        try:
            self._seen = self._media.find(self._path)
            if self._seen is None or self._seen.metadata.get(_KEY) != self._key:
                return None
            motion = self._download(self._seen)
        except Exception as fault:
            self.discard(str(fault))
            return None
        log.info("motion recalled", path=self._path, generation=self._seen.generation)
        return motion

    def discard(self, reason: str) -> None:
        """Log why the object that was read is of no use, and delete it."""
        log.warning("kept motion not used", path=self._path, reason=reason)
        if self._seen is None:
            return
        try:
            self._media.delete(self._path, self._seen.generation)
            self._seen = None
        except Exception as fault:  # then it is what `store` replaces
            log.warning("object not deleted", path=self._path, reason=str(fault))

    def store(self, motion: bytes) -> None:
        """Store the motion in place of the object that was read, while this attempt has the lease.

        Raises:
            Stopped, Failure: this attempt must end; nothing was stored.
        """
        try:
            self._monitor.confirm()
            self._upload(motion)
        except (Stopped, Failure):
            raise
        except Exception as fault:
            log.warning("motion not kept", path=self._path, reason=str(fault))

    def _download(self, seen: StoredObject) -> bytes:
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

    def _upload(self, motion: bytes) -> None:
        self._file.write_bytes(motion)
        metadata = {_KEY: self._key, _DIGEST: hashlib.sha256(motion).hexdigest()}
        upload = Upload(
            path=self._path,
            file=self._file,
            content_type="application/octet-stream",
            metadata=metadata,
        )
        try:
            self._media.publish(
                upload, replacing=0 if self._seen is None else self._seen.generation
            )
            log.info("motion kept", path=self._path, size_bytes=len(motion))
        except ObjectExists as stands:  # another attempt's, or ours, the answer to which was lost
            log.info("motion not kept", path=self._path, reason=str(stands))
        finally:
            self._delete_if_avatar_is_gone()

    def _delete_if_avatar_is_gone(self) -> None:
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
    """Return the path of an avatar's motion."""
    return f"{cache_folder(avatar_id)}motion.npz"


def motion_key(
    video: StoredObject,
    engine_version: str,
    *,
    max_seconds: float,
    species: Species = Species.HUMAN,
) -> str:
    """Return SHA-256 of everything that a motion depends on, as 64 hex digits."""
    depends_on: dict[str, object] = {
        "engineVersion": engine_version,
        "maxSeconds": max_seconds,
        "video": {"generation": video.generation, "path": video.path},
    }
    if species is not Species.HUMAN:
        depends_on["species"] = species.value
    text = json.dumps(depends_on, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
