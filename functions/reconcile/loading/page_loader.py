"""Load avatars page by page: documents, ledgers and objects, joined by avatar.

A page of avatars costs three calls or a few more, however many objects each has, and holds only
what is checked. Decides nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from functions.domain.document import Snapshot
from functions.domain.field_values import ABSENT
from functions.domain.request import Reader, RenderRequest
from functions.domain.storage_paths import StoredObject, cache_folder, output_folder
from functions.domain.subject import Subject, is_document_id, talk_of_output
from functions.errors import FunctionError
from functions.jobs.ports import MediaStore
from functions.reconcile.entry import Entry
from functions.reconcile.loading.ports import AvatarRepository, DatedSnapshot, ObjectLister
from functions.reconcile.loading.shard import Shard

_AVATARS, _CACHES = "avatars/", "livePortraitCache/avatars/"
_AFTER_FOLDER = "0"  # the character after the slash: `avatars/x0` comes after all of `avatars/x/`


class LedgerGarbled(FunctionError):
    """A ledger cannot be read: another program has written into it."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """The avatars of one page of documents."""

    entries: tuple[Entry, ...]  # avatars that ask for something, or once did
    strangers: tuple[str, ...]  # others to check: deleted, with outputs left; or unreadable ledgers
    talks: tuple[Subject, ...]  # that have outputs, known or not
    avatars: int  # documents
    last: str  # id of the last document
    ends: bool  # no further page follows


@dataclass(frozen=True, kw_only=True)
class PageLoader:
    """Loads the avatars of one shard."""

    repository: AvatarRepository
    lister: ObjectLister
    media: MediaStore
    reader: Reader
    shard: Shard
    keeps_inputs: bool = False  # inputs without a document are the app's
    page_size: int = 500

    def page(self, after: str) -> Page:
        """Load the avatars whose documents come after an id, with all objects in that range."""
        span = self.shard.ids
        documents = self.repository.avatars(span, after, self.page_size)
        ids = list(documents)
        ends = len(ids) < self.page_size
        last = ids[-1] if ids else after
        served = {each for each in ids if is_served(documents[each])}
        snapshots = self._snapshots(sorted(served))
        gathered = self._page_objects(snapshots, ids)
        end = f"{_AVATARS}{span.high}" if span.high else ""
        end = end if ends else f"{_AVATARS}{last}{_AFTER_FOLDER}"
        for stored in self.lister.objects(
            _AVATARS, start=f"{_AVATARS}{after or span.low}", end=end
        ):
            gathered.take(stored)
        if not ends:
            for avatar_id in filter(snapshots.__contains__, _sorted_elsewhere(ids, last)):
                self._gather_own(avatar_id, gathered)
        self._gather_uploads(gathered)
        strange = {each for each in gathered.strangers - {after} if ends or each <= last}
        strange |= served - snapshots.keys()
        strange |= self._without_document(gathered.uploads - strange)
        return Page(
            entries=gathered.entries(),
            strangers=tuple(sorted(filter(span.has, strange))),
            talks=tuple(sorted(each for each in gathered.talks if span.has(each.avatar_id))),
            avatars=len(ids),
            last=last,
            ends=ends,
        )

    def entries(self, avatar_ids: Sequence[str]) -> Mapping[str, Entry | None]:
        """Load some avatars, each with its own objects; None: its ledger cannot be read."""
        snapshots = self._snapshots(avatar_ids)
        gathered = self._page_objects(snapshots, ())
        for avatar_id in snapshots:
            self._gather_own(avatar_id, gathered)
        self._gather_uploads(gathered)
        loaded = {each.avatar.avatar_id: each for each in gathered.entries()}
        return {each: loaded.get(each) for each in avatar_ids}

    def entry(self, avatar_id: str) -> Entry:
        """Load one avatar as it is now, with its cache.

        Raises:
            LedgerGarbled: its ledger cannot be read.
        """
        snapshots = self._snapshots([avatar_id])
        if not snapshots:
            raise LedgerGarbled(f"the ledger of {avatar_id} cannot be understood")
        gathered = self._page_objects(snapshots)
        self._gather_own(avatar_id, gathered)
        for stored in self.lister.objects(cache_folder(avatar_id)):
            gathered.keep(avatar_id, stored)
        self._gather_uploads(gathered)
        (entry,) = gathered.entries()
        return entry

    def cached(self, after: str) -> Iterator[str]:
        """Yield the ids of this shard's avatars that have a cache, after one."""
        return self._folders(_CACHES, f"{after}{_AFTER_FOLDER}" if after else "")

    def folders(self) -> Iterator[str]:
        """Yield the ids of this shard's avatars that have a folder."""
        return self._folders(_AVATARS, "")

    def _folders(self, prefix: str, start: str) -> Iterator[str]:
        span = self.shard.ids
        named = self.lister.folders(prefix, start=f"{prefix}{start or span.low}")
        own = takewhile(lambda name: not span.high or name < span.high, named)
        return filter(is_document_id, own)

    def _without_document(self, avatar_ids: Iterable[str]) -> set[str]:
        """Return those of this shard that have no document; a page knows its own alone."""
        own = sorted(filter(self.shard.ids.has, avatar_ids))
        return set(self.repository.without_document(own)) if own else set()

    def _page_objects(
        self, snapshots: Mapping[str, DatedSnapshot], documents: Iterable[str] = ()
    ) -> "_PageObjects":
        return _PageObjects(
            self.reader, snapshots, documents=documents, keeps_inputs=self.keeps_inputs
        )

    def _snapshots(self, avatar_ids: Iterable[str]) -> Mapping[str, DatedSnapshot]:
        wanted = list(avatar_ids)
        found = self.repository.dated(wanted) if wanted else ()
        return {dated.avatar.avatar_id: dated for dated in found}

    def _gather_own(self, avatar_id: str, gathered: "_PageObjects") -> None:
        for stored in self.lister.objects(f"{_AVATARS}{avatar_id}/"):
            gathered.take(stored)

    def _gather_uploads(self, gathered: "_PageObjects") -> None:
        """Find inputs under users' uploads, where a deployment accepts them, one by one."""
        for path, avatar_ids in gathered.inputs.items():
            if not path.startswith(_AVATARS):
                stored = self.media.find(path)
                if stored is not None:
                    for avatar_id in avatar_ids:
                        gathered.keep(avatar_id, stored)


class _PageObjects:
    """The relevant objects of the avatars of a page."""

    def __init__(
        self,
        reader: Reader,
        snapshots: Mapping[str, DatedSnapshot],
        *,
        documents: Iterable[str],
        keeps_inputs: bool,
    ) -> None:
        self._snapshots = snapshots
        self._documents = frozenset(documents)  # of the page, also those that are not loaded
        self._keeps_inputs = keeps_inputs
        self._objects: dict[str, dict[str, StoredObject]] = {each: {} for each in snapshots}
        self.inputs: dict[str, set[str]] = {}  # avatars by the path that they name
        self.strangers: set[str] = set()
        self.uploads: set[str] = set()  # avatars with inputs, and perhaps without a document
        self.talks: set[Subject] = set()
        for avatar_id, dated in snapshots.items():
            ask = reader.read(dated.avatar.subject, dated.avatar.document)
            for path in ask.input_paths if isinstance(ask, RenderRequest) else ():
                self.inputs.setdefault(path, set()).add(avatar_id)

    def take(self, stored: StoredObject) -> None:
        """Keep an object of `avatars/`: an output, a named input, or one without a document."""
        path = stored.path
        avatar_id, slash, _ = path.removeprefix(_AVATARS).partition("/")
        if not slash or not is_document_id(avatar_id):  # it cannot belong to an avatar
            return
        ours, orphan = path.startswith(output_folder(avatar_id)), self._is_orphan(avatar_id)
        if (talk := talk_of_output(avatar_id, path)) is not None:
            self.talks.add(talk)
        if avatar_id in self._objects:
            if ours or orphan or path in self.inputs:
                self.keep(avatar_id, stored)
        elif ours:
            self.strangers.add(avatar_id)
        elif orphan:
            self.uploads.add(avatar_id)

    def _is_orphan(self, avatar_id: str) -> bool:
        """Tell whether an input may be one without a document."""
        if self._keeps_inputs or avatar_id in self._documents:
            return False
        dated = self._snapshots.get(avatar_id)
        return dated is None or dated.avatar.document is None

    def keep(self, avatar_id: str, stored: StoredObject) -> None:
        self._objects[avatar_id][stored.path] = stored

    def entries(self) -> tuple[Entry, ...]:
        return tuple(
            Entry(
                avatar=dated.avatar,
                written=dated.written,
                objects=self._objects[avatar_id],
            )
            for avatar_id, dated in sorted(self._snapshots.items())
        )


def is_served(document: Snapshot) -> bool:
    """Tell whether an avatar asks for something, or once did."""
    return document.opted_in or document.output is not ABSENT


def _sorted_elsewhere(ids: Sequence[str], last: str) -> Iterator[str]:
    """Yield ids that come before the last one, but whose objects come after: `a` and `a-b`."""
    for avatar_id in ids:
        if f"{avatar_id}/" > f"{last}{_AFTER_FOLDER}":
            yield avatar_id
