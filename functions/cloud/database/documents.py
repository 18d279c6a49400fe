"""Read Firestore documents undecoded: existence, times and protobuf fields.

The client library decodes every field at once, and raises for values that it cannot express: a
reference into another project, a map that looks like one of its types. The app may write those, so
every read of its documents goes through here. Writes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore import DocumentReference
from google.cloud.firestore_v1.transaction import Transaction

# The client library offers no public way around its decoder: the calls below are those of its
# `get_all` and `stream`, with its connection, credentials and headers.


@dataclass(frozen=True, kw_only=True)
class Found:
    """A document at one moment."""

    id: str
    path: str = ""  # from the database's root
    exists: bool
    read_time: datetime
    update_time: datetime | None = None  # None: there is no document
    create_time: datetime | None = None  # likewise
    fields: Mapping[str, Any] = field(default_factory=dict)  # protobuf `Value`s by name

    @property
    def read_ms(self) -> int:
        """When it was read, in epoch ms by the database's clock."""
        return _milliseconds(self.read_time)

    @property
    def written_ms(self) -> int:
        """When it was last written, in epoch ms; 0: there is no document."""
        return _milliseconds(self.update_time)

    @property
    def created_ms(self) -> int:
        """When it was created, in epoch ms; 0: there is no document."""
        return _milliseconds(self.create_time)


def _milliseconds(moment: datetime | None) -> int:
    return 0 if moment is None else round(moment.timestamp() * 1000)


def read(
    client: firestore.Client,
    references: Sequence[DocumentReference],
    field_paths: Sequence[str],
    *,
    transaction: Transaction | None = None,
    timeout_s: float | None = None,
) -> list[Found]:
    """Return these documents in this order, whether they exist or not.

    Args:
        client: gives the connection.
        references: of the documents, each once.
        field_paths: the fields to read.
        transaction: to read in; None: outside any.
        timeout_s: None: the client's default.
    """
    names = [f"{client._database_string}/documents/{each.path}" for each in references]
    request = {
        "database": client._database_string,
        "documents": names,
        "mask": {"field_paths": list(field_paths)},
        "transaction": None if transaction is None else transaction.id,
    }
    options: dict[str, Any] = {} if timeout_s is None else {"timeout": timeout_s}
    answers = client._firestore_api.batch_get_documents(
        request=request, metadata=client._rpc_metadata, **options
    )
    found: dict[str, Found] = {}
    for answer in answers:
        name = answer.missing or answer.found.name
        found[name] = _found(answer.found if not answer.missing else None, name, answer.read_time)
    return [found[name] for name in names]


def stream(client: firestore.Client, query: Any) -> Iterator[Found]:
    """Yield the documents of a query."""
    parent, _ = query._parent._parent_info()
    answers = client._firestore_api.run_query(
        request={"parent": parent, "structured_query": query._to_protobuf()},
        metadata=client._rpc_metadata,
    )
    for answer in answers:
        if answer.document.name:  # else it reports progress only
            yield _found(answer.document, answer.document.name, answer.read_time)


def _found(document: Any | None, name: str, read_time: datetime) -> Found:
    path = name.partition("/documents/")[2]
    name = name.rpartition("/")[2]
    if document is None:
        return Found(id=name, path=path, exists=False, read_time=read_time)
    return Found(
        id=name,
        path=path,
        exists=True,
        read_time=read_time,
        update_time=document.update_time,
        create_time=document.create_time,
        fields=type(document).pb(document).fields,
    )
