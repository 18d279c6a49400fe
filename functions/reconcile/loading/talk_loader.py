"""Load talks one by one: their documents by path, their ledgers by id, with their objects.

A talk costs one read, one listing, and one call for each of its inputs: few avatars talk, and their
talks are few. Decides nothing.
"""

from dataclasses import dataclass, replace

from functions.domain.request import Reader, RenderRequest
from functions.domain.subject import Subject
from functions.jobs.ports import MediaStore
from functions.reconcile.entry import Entry
from functions.reconcile.loading.ports import ObjectLister, SubjectPage, TalkRepository
from functions.reconcile.loading.shard import Shard


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

    def page(self, after: str) -> SubjectPage:
        """Return the next talks that have a document."""
        page = self.repository.talks(self.shard.ids, after, self.page_size)
        return replace(page, subjects=tuple(filter(self._comes, page.subjects)))

    def ledgers(self, after: str) -> SubjectPage:
        """Return the next talks that have a ledger."""
        page = self.repository.ledgers(self.shard.ids, after, self.page_size)
        return replace(page, subjects=tuple(filter(self._comes, page.subjects)))

    def entry(self, talk: Subject) -> Entry:
        """Load one talk as it is now."""
        dated = self.repository.dated(talk)
        objects = {each.path: each for each in self.lister.objects(talk.output_folder)}
        ask = self.reader.read(talk, dated.avatar.document)
        for path in ask.input_paths if isinstance(ask, RenderRequest) else ():
            if (stored := self.media.find(path)) is not None:
                objects[path] = stored
        return Entry(avatar=dated.avatar, written=dated.written, objects=objects)

    def _comes(self, talk: Subject) -> bool:
        return talk.avatar_id > self.after
