"""Listeners: what one stream of targets must be told, in no particular protocol.

A `Watch` lives as long as its stream. It follows the store's commits and hands over answer messages
through a callback; it never waits. A resume token is the time of the snapshot it ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from emulator.firestore.documents.document import DocumentChange, StoredDocument
from emulator.firestore.errors import FirestoreError, InvalidArgument
from emulator.firestore.messages import ListenResponse, Message, Target, microseconds, timestamp
from emulator.firestore.paths import document_path, split_name
from emulator.firestore.queries.query import CompiledQuery
from emulator.firestore.store import DocumentStore

Results = dict[str, StoredDocument]


class _ChangeType(IntEnum):
    NO_CHANGE = 0
    ADD = 1
    REMOVE = 2
    CURRENT = 3
    RESET = 4


@dataclass(kw_only=True)
class _Followed:
    """One target, and what the client has been told is in it."""

    target_id: int
    names: frozenset[str]  # of a target on documents
    query: CompiledQuery | None
    known: Results = field(default_factory=dict)


class Watch:
    """The targets of one stream.

    Args:
        store: the documents.
        send: takes each answer, in order.
    """

    def __init__(self, store: DocumentStore, send: Callable[[ListenResponse], None]) -> None:
        self._store = store
        self._send = send
        self._targets: dict[int, _Followed] = {}
        self._unsubscribe = store.subscribe(self._on_commit)

    def receive(self, request: Message) -> None:
        """Takes one request of a Listen stream."""
        if request.WhichOneof("target_change") == "add_target":
            self.add_target(request.add_target)
        else:
            self.remove_target(request.remove_target)

    def close(self) -> None:
        """Stops following the store."""
        self._unsubscribe()
        self._targets.clear()

    def add_target(self, target: Target) -> None:
        """Begins to follow a target: its present state first, or what changed since its token.

        A malformed target is answered by its removal with the reason, as production does.
        """
        target_id = target.target_id or max(self._targets, default=0) + 1
        try:
            followed = _follow(target, target_id)
        except FirestoreError as error:
            self._change(_ChangeType.REMOVE, target_id, cause=error)
            return
        self._targets[target_id] = followed
        now = self._store.read_time()
        self._change(_ChangeType.ADD, target_id)
        is_resumed = self._resume(followed, _resume_time(target))
        self._tell_differences(followed, self._results(followed), now)
        if not is_resumed:
            for name in sorted(followed.names - followed.known.keys()):
                self._deleted(followed, name, now)
        elif target.HasField("expected_count"):
            self._count(followed)
        self._change(_ChangeType.CURRENT, target_id, snapshot_time=now)
        self._snapshot(now)
        if target.once:
            self.remove_target(target_id)

    def remove_target(self, target_id: int) -> None:
        """Stops following a target."""
        if self._targets.pop(target_id, None) is not None:
            self._change(_ChangeType.REMOVE, target_id)

    def _resume(self, followed: _Followed, at: int | None) -> bool:
        """Takes up where the client was; has it forget all where that is too long ago."""
        if at is None:
            return False
        if not self._store.remembers(at):
            self._change(_ChangeType.RESET, followed.target_id)
            return False
        followed.known = self._results(followed, at)
        return True

    def _on_commit(self, changes: Sequence[DocumentChange]) -> None:
        now = changes[0].commit_time
        told = [self._follow_changes(followed, changes, now) for followed in self._targets.values()]
        if any(told):
            self._snapshot(now)

    def _follow_changes(
        self, followed: _Followed, changes: Sequence[DocumentChange], now: int
    ) -> bool:
        query = followed.query
        if query is None:
            changes = [change for change in changes if change.name in followed.names]
        else:
            changes = [change for change in changes if self._store.in_scope(query, change.name)]
        if not changes:
            return False
        if query is not None and query.depends_on_others:
            return self._tell_differences(followed, self._results(followed), now)
        results = dict(followed.known)
        for change in changes:
            results.pop(change.name, None)
            if change.after is not None and (query is None or query.matches(change.after)):
                results[change.name] = change.after
        return self._tell_differences(followed, results, now)

    def _results(self, followed: _Followed, at: int | None = None) -> Results:
        if followed.query is not None:
            found = self._store.query(followed.query, at)
            return {document.name: document for document in found}
        documents = (self._store.get(name, at) for name in sorted(followed.names))
        return {document.name: document for document in documents if document is not None}

    def _tell_differences(self, followed: _Followed, results: Results, now: int) -> bool:
        told = False
        for name, document in results.items():
            before = followed.known.get(name)
            if before is None or before.update_time != document.update_time:
                self._changed(followed, document)
                told = True
        for name in followed.known.keys() - results.keys():
            if self._store.get(name) is None:
                self._deleted(followed, name, now)
            else:
                self._removed(followed, name, now)
            told = True
        followed.known = results
        return told

    def _changed(self, followed: _Followed, document: StoredDocument) -> None:
        answer = ListenResponse()
        query = followed.query
        message = document.message if query is None else query.projected(document)
        answer.document_change.document.CopyFrom(message)
        answer.document_change.target_ids.append(followed.target_id)
        self._send(answer)

    def _deleted(self, followed: _Followed, name: str, now: int) -> None:
        answer = ListenResponse()
        answer.document_delete.document = name
        answer.document_delete.read_time.CopyFrom(timestamp(now))
        answer.document_delete.removed_target_ids.append(followed.target_id)
        self._send(answer)

    def _removed(self, followed: _Followed, name: str, now: int) -> None:
        answer = ListenResponse()
        answer.document_remove.document = name
        answer.document_remove.read_time.CopyFrom(timestamp(now))
        answer.document_remove.removed_target_ids.append(followed.target_id)
        self._send(answer)

    def _count(self, followed: _Followed) -> None:
        """Tells a client that resumed how many documents it should know by now."""
        answer = ListenResponse()
        answer.filter.target_id = followed.target_id
        answer.filter.count = len(followed.known)
        self._send(answer)

    def _change(
        self,
        kind: _ChangeType,
        target_id: int,
        *,
        snapshot_time: int | None = None,
        cause: FirestoreError | None = None,
    ) -> None:
        answer = ListenResponse()
        answer.target_change.target_change_type = kind
        answer.target_change.target_ids.append(target_id)
        if snapshot_time is not None:
            _end_snapshot(answer, snapshot_time)
        if cause is not None:
            answer.target_change.cause.code = cause.code
            answer.target_change.cause.message = str(cause)
        self._send(answer)

    def _snapshot(self, now: int) -> None:
        """Says that all targets are consistent as of a time: the client shows what it has."""
        answer = ListenResponse()
        answer.target_change.target_change_type = _ChangeType.NO_CHANGE
        _end_snapshot(answer, now)
        self._send(answer)


def _end_snapshot(answer: ListenResponse, now: int) -> None:
    answer.target_change.read_time.CopyFrom(timestamp(now))
    answer.target_change.resume_token = str(now).encode()


def _follow(target: Target, target_id: int) -> _Followed:
    match target.WhichOneof("target_type"):
        case "documents":
            for name in target.documents.documents:
                document_path(name)
            return _Followed(
                target_id=target_id, names=frozenset(target.documents.documents), query=None
            )
        case "query":
            split_name(target.query.parent)
            query = CompiledQuery(target.query.parent, target.query.structured_query)
            return _Followed(target_id=target_id, names=frozenset(), query=query)
        case _:
            raise InvalidArgument("A target needs documents or a query")


def _resume_time(target: Target) -> int | None:
    match target.WhichOneof("resume_type"):
        case "resume_token" if target.resume_token:
            return int(target.resume_token) if target.resume_token.isdigit() else 0
        case "read_time":
            return microseconds(target.read_time)
        case _:
            return None
