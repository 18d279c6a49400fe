"""PartitionQuery: split a collection group into parts that can be read in parallel."""

from google.cloud.firestore_v1 import types

from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import Message, raw
from emulator.firestore.paths import NAME_PATH, split_name
from emulator.firestore.queries.query import CompiledQuery
from emulator.firestore.rpc.reading import Reader


def partitions(reader: Reader, request: Message) -> Message:
    """Return at most `partition_count` documents at which the results of a query are split.

    Raises:
        InvalidArgument: the query is no whole collection group in the order of names, or the count,
            the page's size or its token is malformed.
    """
    split_name(request.parent)
    query = CompiledQuery(request.parent, request.structured_query)
    _check(request, query)
    names = [document.name for document in reader.run(reader.view(request), query)]
    wanted = min(request.partition_count, max(0, len(names) - 1))
    cuts = [names[(number + 1) * len(names) // (wanted + 1)] for number in range(wanted)]
    start, end = _page(request, len(cuts))
    response = raw(types.PartitionQueryResponse)(
        next_page_token=str(end) if end < len(cuts) else ""
    )
    for name in cuts[start:end]:
        response.partitions.add().values.add(reference_value=name)
    return response


def _check(request: Message, query: CompiledQuery) -> None:
    wanted = request.structured_query
    is_plain = not (wanted.HasField("where") or query.depends_on_others)
    by_name = [order.path for order in query.orders] == [NAME_PATH]
    if not (query.all_descendants and is_plain and by_name and not query.orders[0].descending):
        raise InvalidArgument(
            "PartitionQuery accepts a whole collection group ordered by __name__ ascending, "
            "without filters, offset and limit"
        )
    if request.partition_count < 1:
        raise InvalidArgument(f"partition_count is {request.partition_count}; accepted: 1 or more")


def _page(request: Message, total: int) -> tuple[int, int]:
    token = request.page_token
    if (token and not token.isdecimal()) or request.page_size < 0:
        raise InvalidArgument(
            f'page_token is "{token}", page_size is {request.page_size}; '
            "accepted: a token from an earlier answer, 0 or more"
        )
    start = min(int(token or 0), total)
    return start, min(start + (request.page_size or total), total)
