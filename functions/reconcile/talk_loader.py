"""Load talks one by one: their documents by path, their ledgers by id, with their objects.

Declares the port it reads through. A talk costs one read and one listing, and a look for each of
its inputs: few avatars talk, and their talks are few. Decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from functions.domain.request import Reader, RenderRequest
from functions.domain.subject import Subject
from functions.jobs.ports import MediaStore
from functions.reconcile.findings import Entry, ListedObject
from functions.reconcile.page_loader import DatedSnapshot, ObjectLister, Shard


@dataclass(frozen=True, kw_only=True)
class TalkPage:
    """The next talks, and where the page ends; "": there are no more."""

    talks: tuple[Subject, ...]
    last: str


class TalkRepository(Protocol):
    """All talks, by their documents and by their ledgers."""

    def talks(self, after: str, limit: int) -> TalkPage:
        """Return the next talks by their documents' paths, from the database's root."""

    def ledgers(self, after: str, limit: int) -> TalkPage:
        """Return the next talks by their ledgers' ids."""

    def dated(self, talk: Subject) -> DatedSnapshot:
        """Return one talk's document, with its avatar's, and its ledger."""


@dataclass(frozen=True, kw_only=True)
class TalkLoader:
    """Loads the talks of one shard's avatars."""

    repository: TalkRepository
    lister: ObjectLister
    media: MediaStore
    reader: Reader
    shard: Shard
    after: str = ""  # an avatar's id: only talks of those that come after it
    page_size: int = 500

    def page(self, after: str) -> TalkPage:
        """Return the next talks that have a document."""
        return self._own(self.repository.talks(after, self.page_size))

    def ledgers(self, after: str) -> TalkPage:
        """Return the next talks that have a ledger."""
        return self._own(self.repository.ledgers(after, self.page_size))

    def entry(self, talk: Subject) -> Entry:
        """Load one talk as it is now."""
        dated = self.repository.dated(talk)
        objects = {each.stored.path: each for each in self.lister.objects(talk.output_folder)}
        ask = self.reader.read(talk, dated.avatar.document)
        for path in _inputs(ask) if isinstance(ask, RenderRequest) else ():
            if (stored := self.media.find(path)) is not None:
                objects[path] = ListedObject(stored=stored, created=stored.created)
        return Entry(avatar=dated.avatar, written=dated.written, objects=objects)

    def _own(self, page: TalkPage) -> TalkPage:
        own: Sequence[Subject] = [each for each in page.talks if self._has(each)]
        return TalkPage(talks=tuple(own), last=page.last)

    def _has(self, talk: Subject) -> bool:
        return talk.avatar_id > self.after and self.shard.has(talk.avatar_id)


def _inputs(request: RenderRequest) -> tuple[str, ...]:
    sound = "" if request.talk is None else request.talk.audio_path
    return tuple(filter(None, (request.image_path, request.video_path, sound)))
