"""Listen: the responses of one stream of targets, without a transport.

A `Watch` lives as long as its stream. It subscribes to the store's commits and passes responses to
a callback; it never waits. A resume token is the time of its snapshot.
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
class _TargetState:
    """One target, and the documents that the client knows to be in it."""

    target_id: int
    names: frozenset[str]  # of a target on documents
    query: CompiledQuery | None
    known: Results = field(default_factory=dict)


class Watch:
    """The targets of one stream; `send` takes the responses, in order."""

    def __init__(self, store: DocumentStore, send: Callable[[ListenResponse], None]) -> None:
        self._store = store
        self._send = send
        self._targets: dict[int, _TargetState] = {}
        self._unsubscribe = store.subscribe(self._on_commit)

    def receive(self, request: Message) -> None:
        """Handle one request of a Listen stream."""
        if request.WhichOneof("target_change") == "add_target":
            self.add_target(request.add_target)
        else:
            self.remove_target(request.remove_target)

    def close(self) -> None:
        """End the subscription to the store."""
        self._unsubscribe()
        self._targets.clear()

    def add_target(self, target: Target) -> None:
        """Add a target; send its present state first, or what changed since its token.

        A malformed target is removed with the reason, as in production.
        """
        target_id = target.target_id or max(self._targets, default=0) + 1
        try:
            state = _target_state(target, target_id)
        except FirestoreError as error:
            self._change(_ChangeType.REMOVE, target_id, cause=error)
            return
        self._targets[target_id] = state
        now = self._store.read_time()
        self._change(_ChangeType.ADD, target_id)
        is_resumed = self._resume(state, _resume_time(target))
        self._send_differences(state, self._results(state), now)
        if not is_resumed:
            for name in sorted(state.names - state.known.keys()):
                self._deleted(state, name, now)
        elif target.HasField("expected_count"):
            self._count(state)
        self._change(_ChangeType.CURRENT, target_id, snapshot_time=now)
        self._snapshot(now)
        if target.once:
            self.remove_target(target_id)

    def remove_target(self, target_id: int) -> None:
        """Remove a target."""
        if self._targets.pop(target_id, None) is not None:
            self._change(_ChangeType.REMOVE, target_id)

    def _resume(self, state: _TargetState, at: int | None) -> bool:
        """Continue from the client's token; reset the target where that is too old."""
        if at is None:
            return False
        if not self._store.remembers(at):
            self._change(_ChangeType.RESET, state.target_id)
            return False
        state.known = self._results(state, at)
        return True

    def _on_commit(self, changes: Sequence[DocumentChange]) -> None:
        now = changes[0].commit_time
        sent = [self._apply_changes(state, changes, now) for state in self._targets.values()]
        if any(sent):
            self._snapshot(now)

    def _apply_changes(
        self, state: _TargetState, changes: Sequence[DocumentChange], now: int
    ) -> bool:
        query = state.query
        if query is None:
            changes = [change for change in changes if change.name in state.names]
        else:
            changes = [change for change in changes if self._store.in_scope(query, change.name)]
        if not changes:
            return False
        if query is not None and query.depends_on_others:
            return self._send_differences(state, self._results(state), now)
        results = dict(state.known)
        for change in changes:
            results.pop(change.name, None)
            if change.after is not None and (query is None or query.matches(change.after)):
                results[change.name] = change.after
        return self._send_differences(state, results, now)

    def _results(self, state: _TargetState, at: int | None = None) -> Results:
        if state.query is not None:
            found = self._store.query(state.query, at)
            return {document.name: document for document in found}
        documents = (self._store.get(name, at) for name in sorted(state.names))
        return {document.name: document for document in documents if document is not None}

    def _send_differences(self, state: _TargetState, results: Results, now: int) -> bool:
        is_changed = False
        for name, document in results.items():
            before = state.known.get(name)
            if before is None or before.update_time != document.update_time:
                self._changed(state, document)
                is_changed = True
        for name in state.known.keys() - results.keys():
            if self._store.get(name) is None:
                self._deleted(state, name, now)
            else:
                self._removed(state, name, now)
            is_changed = True
        state.known = results
        return is_changed

    def _changed(self, state: _TargetState, document: StoredDocument) -> None:
        response = ListenResponse()
        query = state.query
        message = document.message if query is None else query.projected(document)
        response.document_change.document.CopyFrom(message)
        response.document_change.target_ids.append(state.target_id)
        self._send(response)

    def _deleted(self, state: _TargetState, name: str, now: int) -> None:
        response = ListenResponse()
        response.document_delete.document = name
        response.document_delete.read_time.CopyFrom(timestamp(now))
        response.document_delete.removed_target_ids.append(state.target_id)
        self._send(response)

    def _removed(self, state: _TargetState, name: str, now: int) -> None:
        response = ListenResponse()
        response.document_remove.document = name
        response.document_remove.read_time.CopyFrom(timestamp(now))
        response.document_remove.removed_target_ids.append(state.target_id)
        self._send(response)

    def _count(self, state: _TargetState) -> None:
        """Send a resumed client the number of documents that it should know."""
        response = ListenResponse()
        response.filter.target_id = state.target_id
        response.filter.count = len(state.known)
        self._send(response)

    def _change(
        self,
        kind: _ChangeType,
        target_id: int,
        *,
        snapshot_time: int | None = None,
        cause: FirestoreError | None = None,
    ) -> None:
        response = ListenResponse()
        response.target_change.target_change_type = kind
        response.target_change.target_ids.append(target_id)
        if snapshot_time is not None:
            _end_snapshot(response, snapshot_time)
        if cause is not None:
            response.target_change.cause.code = cause.code
            response.target_change.cause.message = str(cause)
        self._send(response)

    def _snapshot(self, now: int) -> None:
        """Send that all targets are consistent as of a time, so that the client may show them."""
        response = ListenResponse()
        response.target_change.target_change_type = _ChangeType.NO_CHANGE
        _end_snapshot(response, now)
        self._send(response)


def _end_snapshot(response: ListenResponse, now: int) -> None:
    response.target_change.read_time.CopyFrom(timestamp(now))
    response.target_change.resume_token = str(now).encode()


def _target_state(target: Target, target_id: int) -> _TargetState:
    match target.WhichOneof("target_type"):
        case "documents":
            for name in target.documents.documents:
                document_path(name)
            return _TargetState(
                target_id=target_id, names=frozenset(target.documents.documents), query=None
            )
        case "query":
            split_name(target.query.parent)
            query = CompiledQuery(target.query.parent, target.query.structured_query)
            return _TargetState(target_id=target_id, names=frozenset(), query=query)
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
