"""Listings of objects by name: what they show, and their pages. Pure."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from emulator.storage.errors import BadRequest
from emulator.storage.objects import StoredObject


@dataclass(frozen=True, kw_only=True)
class NameSpan:
    """Names from `start` on (inclusive) and before `end`, by their UTF-8; "" sets no bound."""

    start: str = ""
    end: str = ""

    def has(self, name: str) -> bool:
        """Return whether a name lies inside."""
        encoded = name.encode()
        return self.start.encode() <= encoded and (not self.end or encoded < self.end.encode())


_EVERY_NAME = NameSpan()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a listing shows: names with a prefix, in a span, that a glob matches.

    Names that share the part up to the delimiter become one prefix. `shows_folders`: a name that
    ends with its only delimiter is shown as an object beside its prefix.
    """

    prefix: str = ""
    delimiter: str = ""
    span: NameSpan = _EVERY_NAME
    glob: re.Pattern[str] | None = None
    shows_folders: bool = False

    def has(self, name: str) -> bool:
        """Return whether a name is shown, or is a part of a prefix that is."""
        is_matched = self.glob is None or self.glob.fullmatch(name) is not None
        return name.startswith(self.prefix) and self.span.has(name) and is_matched

    def folder(self, name: str) -> str | None:
        """Return the prefix that a name belongs to; None where it is shown itself."""
        position = name.find(self.delimiter, len(self.prefix)) if self.delimiter else -1
        return None if position < 0 else name[: position + len(self.delimiter)]


@dataclass(frozen=True, kw_only=True)
class ObjectPage:
    """A page of a listing: objects, common prefixes up to the delimiter, token of the next page.

    A token is opaque: the key of the last entry.
    """

    objects: tuple[StoredObject, ...]
    prefixes: tuple[str, ...]
    next_token: str | None


def listed_page(
    objects: Mapping[str, StoredObject], listing: Listing, token: str | None, limit: int
) -> ObjectPage:
    """Return the page after a token, of at most `limit` objects and prefixes together.

    Raises:
        BadRequest: the token is none of ours.
    """
    shown: list[StoredObject] = []
    prefixes: list[str] = []
    last = token
    after = None if token is None else _decoded(token)
    for key, entry in _entries(objects, listing):
        if after is not None and key <= after:
            continue
        if len(shown) + len(prefixes) == limit:
            return ObjectPage(objects=tuple(shown), prefixes=tuple(prefixes), next_token=last)
        last = urlsafe_b64encode(key).decode()
        if isinstance(entry, str):
            prefixes.append(entry)
        else:
            shown.append(entry)
    return ObjectPage(objects=tuple(shown), prefixes=tuple(prefixes), next_token=None)


def _decoded(token: str) -> bytes:
    try:
        return urlsafe_b64decode(token)
    except ValueError as error:
        raise BadRequest(f'pageToken is "{token}"; accepted: one from an earlier page') from error


def _entries(
    objects: Mapping[str, StoredObject], listing: Listing
) -> Iterator[tuple[bytes, StoredObject | str]]:
    """Yield objects and prefixes in order, with a key of each that only ascends.

    A prefix's key is its text; an object's ends with a zero byte, as it may have a prefix's name.
    """
    seen = set()
    for name in sorted(filter(listing.has, objects), key=str.encode):
        folder = listing.folder(name)
        if folder is not None and folder not in seen:
            seen.add(folder)
            yield folder.encode(), folder
        if folder is None or (listing.shows_folders and folder == name):
            yield name.encode() + b"\0", objects[name]
