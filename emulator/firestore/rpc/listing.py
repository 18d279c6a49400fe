"""Pages of documents and of collection ids, for ListDocuments and ListCollectionIds."""

from dataclasses import dataclass

from emulator.firestore.documents.values import reference_key
from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import Document, Message, StructuredQuery
from emulator.firestore.paths import parse_field_path, split_name
from emulator.firestore.queries.query import CompiledQuery
from emulator.firestore.store import DocumentStore

_DEFAULT_PAGE = 300


@dataclass(frozen=True, kw_only=True)
class DocumentsPage:
    """Some documents of a collection, and the token of the next page."""

    documents: tuple[Document, ...]
    next_token: str


@dataclass(frozen=True, kw_only=True)
class IdsPage:
    """Some collection ids, and the token of the next page."""

    ids: tuple[str, ...]
    next_token: str


def documents_page(store: DocumentStore, request: Message, at: int | None) -> DocumentsPage:
    """Return one page of a collection; with `show_missing` also missing documents with children.

    Raises:
        InvalidArgument: a malformed parent or page token, or `show_missing` with an order.
    """
    split_name(request.parent)
    if request.show_missing and request.order_by:
        raise InvalidArgument("show_missing and order_by cannot be used together")
    documents = _documents(store, request, at)
    if request.show_missing:
        documents = _with_missing(store, request, at, documents)
    start, end = _slice(request, len(documents))
    return DocumentsPage(
        documents=tuple(documents[start:end]),
        next_token=str(end) if end < len(documents) else "",
    )


def collection_ids_page(store: DocumentStore, request: Message, at: int | None) -> IdsPage:
    """Return one page of the ids of the collections directly below a document or the root.

    Raises:
        InvalidArgument: a malformed parent or page token.
    """
    split_name(request.parent)
    depth = len(request.parent) + 1
    ids = sorted(
        {name[depth:].split("/")[0] for name in store.collections_below(request.parent, at)}
    )
    start, end = _slice(request, len(ids))
    return IdsPage(ids=tuple(ids[start:end]), next_token=str(end) if end < len(ids) else "")


def _documents(store: DocumentStore, request: Message, at: int | None) -> list[Document]:
    query = StructuredQuery()
    query.from_.add(collection_id=request.collection_id)
    for part in filter(None, map(str.strip, request.order_by.split(","))):
        field, _, direction = part.partition(" ")
        query.order_by.add(
            field={"field_path": field},
            direction="DESCENDING" if direction.strip().lower() == "desc" else "ASCENDING",
        )
    found = store.query(CompiledQuery(request.parent, query), at)
    if not request.HasField("mask"):
        return [document.message for document in found]
    paths = [parse_field_path(path) for path in request.mask.field_paths]
    return [document.masked(paths) for document in found]


def _with_missing(
    store: DocumentStore, request: Message, at: int | None, documents: list[Document]
) -> list[Document]:
    collection = f"{request.parent}/{request.collection_id}"
    by_name = {document.name: document for document in documents}
    for below in store.collections_below(collection, at):
        name = f"{collection}/{below[len(collection) + 1 :].split('/')[0]}"
        by_name.setdefault(name, Document(name=name))
    return [by_name[name] for name in sorted(by_name, key=reference_key)]


def _slice(request: Message, total: int) -> tuple[int, int]:
    token = request.page_token
    if token and not token.isdecimal():
        raise InvalidArgument(f'page_token is "{token}"; accepted: a token from an earlier answer')
    start = min(int(token or 0), total)
    return start, min(start + (request.page_size or _DEFAULT_PAGE), total)
