"""Tell whether the fields of two documents differ, without decoding them.

Most writes change nothing relevant, and a client may keep a hundred thousand fields in a map: so
bytes are compared, and maps entry by entry only where these differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from functions.cloud.wire.entries import map_entries, map_start, picked, read_entry

_MAX_DEPTH = 100  # the limit of protobuf itself; Firestore accepts 20 nested maps


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Of maps that are larger than this, only these keys are compared."""

    max_bytes: int
    keys: Sequence[str]


def untouched(
    one: Mapping[str, bytes],
    other: Mapping[str, bytes],
    paths: Sequence[tuple[str, ...]],
    *,
    bounds: Mapping[tuple[str, ...], Bound],
) -> bool:
    """Tell whether the values of two documents, or maps, are certainly equal at these field paths.

    False where only decoding would tell, as with NaNs of different bits.

    Args:
        one: undecoded values by key, at least those that the paths begin with.
        other: another's.
        paths: of the fields to compare.
        bounds: of the maps at some of these paths.

    Raises:
        DecodeError: a value that differs cannot be parsed.
    """
    return all(
        _untouched(
            (one.get(key, b""), other.get(key, b"")),
            [path[1:] for path in paths if path[0] == key],
            {path[1:]: bound for path, bound in bounds.items() if path[:1] == (key,)},
        )
        for key in dict.fromkeys(path[0] for path in paths)
    )


def _untouched(
    values: tuple[bytes, bytes],
    paths: Sequence[tuple[str, ...]],
    bounds: Mapping[tuple[str, ...], Bound],
) -> bool:
    """Do as `untouched` for two values; the empty path is of the values themselves."""
    if values[0] == values[1]:
        return True
    start, other_start = map(map_start, values)
    if start is None or other_start is None:
        return () in paths and same(*values)
    if (bound := bounds.get(())) is not None:
        larger = [len(value) > bound.max_bytes for value in values]
        if larger[0] != larger[1]:
            return False
        if larger[0]:
            paths = [(key,) for key in bound.keys]
    if () in paths:
        return same(*values)
    keys = {path[0] for path in paths}
    before = picked(values[0], keys, kind="Map", start=start).values
    after = picked(values[1], keys, kind="Map", start=other_start).values
    return untouched(before, after, paths, bounds=bounds)


def same(one: bytes, other: bytes, *, but: str = "", depth: int = 0) -> bool:
    """Tell whether two undecoded values are certainly equal, in any order of maps' entries.

    Args:
        one: a serialised `Value`.
        other: another.
        but: a key of the outermost map to ignore.
        depth: of these values below the outermost ones.
    """
    if one == other:
        return True
    if map_start(one) is None or map_start(other) is None or depth > _MAX_DEPTH:
        return False
    if _digest(one) == _digest(other):
        return True
    return all(
        same(one_value, other_value, depth=depth + 1)
        for key, one_value, other_value in _differing(map_entries(one), map_entries(other))
        if not but or key != but
    )


def _digest(value: bytes) -> tuple[int, int]:
    """Return what maps with the same entries have in common, in whatever order.

    Others have it by one chance in 2**60. A comparison of two sets takes three times as long.
    """
    entries = map_entries(value)
    return len(entries), sum(map(hash, entries))


def _differing(one: Sequence[bytes], other: Sequence[bytes]) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield key and both values of each entry whose bytes differ; b"" for a missing one."""
    ones, others = list(one), list(other)
    if len(ones) == len(others):  # mostly in the same order
        pairs = [pair for pair in zip(ones, others, strict=True) if pair[0] != pair[1]]
        ones, others = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    else:
        ones, others = _from_first_difference(ones, others)
    common = set(ones).intersection(others)
    before, after = _by_key(ones, common), _by_key(others, common)
    for key in before.keys() | after.keys():
        yield key, before.get(key, b""), after.get(key, b"")


def _from_first_difference(
    ones: list[bytes], others: list[bytes]
) -> tuple[list[bytes], list[bytes]]:
    """Return both without the entries that they begin with, and end with, in common."""
    for _ in range(2):  # from the front, then from the back
        pairs = enumerate(zip(ones, others, strict=False))
        start = next(
            (at for at, (one, other) in pairs if one != other), len(min(ones, others, key=len))
        )
        ones, others = ones[start:][::-1], others[start:][::-1]
    return ones, others


def _by_key(entries: Sequence[bytes], common: set[bytes]) -> Mapping[str, bytes]:
    found = (read_entry(entry) for entry in entries if entry not in common)
    return {entry.key: entry.value for entry in found}
