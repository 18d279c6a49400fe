"""The parts of the storage server that read text and bytes, by properties."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.storage.content import Receiver
from emulator.storage.errors import BadRequest, RangeNotSatisfiable
from emulator.storage.http.multipart import boundary_of, read_multipart
from emulator.storage.http.ranges import Chunk, parse_content_range, parse_range
from emulator.storage.objects import ObjectMetadata
from emulator.storage.store import ObjectStore


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.one_of(st.binary(max_size=200), st.text("-b\r\n", max_size=60).map(str.encode)),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_a_multipart_body_cut_anywhere_gives_its_data(
    tmp_path: Path, data: bytes, cuts: list[int]
) -> None:
    if b"\r\n--b" in data or data.startswith(b"--b"):
        return  # then "b" would be no boundary
    body = (
        b'--b\r\nA: 1\r\n\r\n{"name": "x"}\r\n--b\r\nContent-Type: a/b\r\n\r\n'
        + data
        + b"\r\n--b--"
    )
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]

    async def pieces() -> AsyncIterator[bytes]:
        for start, end in pairwise(edges):
            yield body[start:end]

    receiver = Receiver(tmp_path)
    head = asyncio.run(read_multipart(pieces(), b"b", receiver))
    content = receiver.finish()
    assert content.file.read_bytes() == data
    assert (head.metadata, head.content_type) == ({"name": "x"}, "a/b")
    content.file.unlink()


@given(
    size=st.integers(0, 30),
    first=st.none() | st.integers(0, 40),
    last=st.none() | st.integers(0, 40),
)
def test_ranges_lie_within_the_object(size: int, first: int | None, last: int | None) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    whole = range(size)
    try:
        span = parse_range(header, size)
    except RangeNotSatisfiable:
        if first is None:
            assert size == 0 or last == 0
        else:
            assert first >= size or (last is not None and last < first)
        return
    if span is None:
        assert first is None
        assert last is None
    elif first is None:
        assert last is not None
        assert list(whole[span.start : span.end]) == list(whole[-last:])
    else:
        end = size if last is None else last + 1
        assert list(whole[span.start : span.end]) == list(whole[first:end])


@pytest.mark.parametrize(
    ("header", "start", "total", "ends"),
    [
        ("bytes 0-9/10", 0, 10, False),
        ("bytes 5-9/*", 5, None, False),
        ("bytes 5-*/*", 5, None, True),
        ("bytes 5-*/10", 5, 10, False),
        ("bytes */10", None, 10, False),
        ("bytes */*", None, None, False),
    ],
)
def test_content_ranges(header: str, start: int | None, total: int | None, ends: bool) -> None:
    assert parse_content_range(header) == Chunk(start=start, total=total, ends=ends)


@pytest.mark.parametrize("header", ["", "bytes", "bytes 1-/5", "bytes a-b/c", "lines 0-1/2"])
def test_malformed_content_ranges_are_refused(header: str) -> None:
    with pytest.raises(BadRequest, match="Content-Range"):
        parse_content_range(header)


@pytest.mark.parametrize(
    "header", ["", "text/plain", "multipart/related", "multipart/related; boundary="]
)
def test_a_missing_boundary_is_refused(header: str) -> None:
    with pytest.raises(BadRequest, match="boundary"):
        boundary_of(header)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.sets(st.text("ab/é", min_size=1, max_size=5), max_size=12),
    prefix=st.text("ab/", max_size=2),
    delimiter=st.sampled_from(["", "/"]),
    limit=st.integers(1, 5),
)
def test_pages_put_together_are_the_whole_listing(
    tmp_path: Path, names: set[str], prefix: str, delimiter: str, limit: int
) -> None:
    store = ObjectStore(tmp_path)
    store.create_bucket("b")
    for name in names:
        store.put("b", name, store.receiver().finish(), ObjectMetadata())
    found: list[str] = []
    token: str | None = None
    while True:
        page = store.list_page("b", prefix=prefix, delimiter=delimiter, token=token, limit=limit)
        assert len(page.objects) + len(page.prefixes) <= limit
        found += [stored.name for stored in page.objects] + list(page.prefixes)
        token = page.next_token
        if token is None:
            break
    expected = set()
    for name in names:
        if name.startswith(prefix):
            rest, separator, _ = name[len(prefix) :].partition(delimiter or "\0")
            expected.add(f"{prefix}{rest}{separator}")
    assert sorted(found) == sorted(expected)
    assert len(found) == len(set(found))
    store.clear()
