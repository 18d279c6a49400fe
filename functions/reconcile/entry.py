"""One avatar, or one of its talks, as it was loaded to be checked: snapshot and objects. Pure.

What is wrong with its objects is told here, without regard to what its document asks for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from functions.domain.avatar_state import in_place, is_published
from functions.domain.job_record import PublishedObject, Result
from functions.domain.snapshot import AvatarSnapshot
from functions.domain.storage_paths import StoredObject

_ORPHAN_AGE_MS = 24 * 3_600_000
# The middle part is the claim's id; paths of earlier versions have none.
_MADE_BY_US = re.compile(r"[0-9a-f]{16}/(?:[0-9a-f-]{36}/)?(?:idle\.mp4|talk\.mp4|poster\.jpg)")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One avatar or talk: its document, ledger and objects."""

    avatar: AvatarSnapshot
    written: int  # epoch ms of the document's last write by anyone; 0: there is no document
    objects: Mapping[str, StoredObject]  # by path: outputs, and the inputs that the document names

    @property
    def last_in_place(self) -> bool:
        """Whether there is a last good result, its objects in place."""
        results = self.avatar.record.results
        return bool(results) and in_place(results[0], self.objects.get)

    @property
    def dead_results(self) -> tuple[Result, ...]:
        """The listed results without their objects, where the last good one is among them."""
        results = self.avatar.record.results
        if not results or self.last_in_place:
            return ()
        return tuple(result for result in results if not in_place(result, self.objects.get))

    @property
    def dead_tokens(self) -> tuple[PublishedObject, ...]:
        """The listed objects that no longer have the download token of their URL."""
        return tuple(
            each
            for each in self.avatar.record.objects
            if is_published(each, self.objects.get) and not self._opens(each)
        )

    def _opens(self, kept: PublishedObject) -> bool:
        """Tell whether a URL's token still gives access."""
        found = self.objects.get(kept.path)
        tokens = () if found is None else found.tokens
        return not set(parse_qs(urlsplit(kept.url).query).get("token", ())).isdisjoint(tokens)

    @property
    def orphans(self) -> tuple[StoredObject, ...]:
        """The orphans in the output folder: named as results are, listed nowhere, a day old."""
        avatar, folder = self.avatar, self.avatar.subject.output_folder
        return tuple(
            stored
            for path, stored in self.objects.items()
            if path.startswith(folder)
            and _MADE_BY_US.fullmatch(path.removeprefix(folder))
            and self.is_old(stored)
            and not avatar.record.lists(path, stored.generation)
        )

    def is_old(self, stored: StoredObject) -> bool:
        """Tell whether an object is a day old: no render or upload in flight counts on it."""
        return self.avatar.now - stored.created > _ORPHAN_AGE_MS
