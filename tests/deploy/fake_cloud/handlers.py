"""Things by kind and name: listed, made, changed and removed alike, whatever they are."""

from collections.abc import Callable
from typing import Any

from tests.deploy.fake_cloud.arguments import Words
from tests.deploy.fake_cloud.project import PROJECT, Cloud

Handler = Callable[[Cloud, Words], Any]


def place(words: Words) -> str:
    """The location or region that a command names; empty without."""
    return words.flag("location", "") or words.flag("region", "")


def full(words: Words, kind: str, name: str) -> str:
    """The name as `list` shows it."""
    return f"projects/{PROJECT}/locations/{place(words)}/{kind}/{name}"


def listed(kind: str) -> Handler:
    """Answers `list`."""

    def handler(cloud: Cloud, words: Words) -> Any:
        wanted = place(words)
        things = cloud.things.get(kind, {}).values()
        found = [thing for thing in things if not wanted or thing.get("#place", wanted) == wanted]
        if not words.has("filter"):
            return found
        key, _, value = words.flag("filter").partition("=")
        printed = words.flag("format").removeprefix("value(").removesuffix(")")
        return "\n".join(thing[printed] for thing in found if thing[key] == value.strip('"'))

    return handler


def gone(kind: str, index: int) -> Handler:
    """Answers `delete`; the name is the place of this index."""

    def handler(cloud: Cloud, words: Words) -> str:
        cloud.unmake(kind, words.places[index])
        return ""

    return handler


def made(kind: str, index: int, body: Any, change: bool = False) -> Handler:
    """Answers `create` or `update` by what `body` makes of the words."""

    def handler(cloud: Cloud, words: Words) -> str:
        act = cloud.change if change else cloud.make
        act(kind, words.places[index], body(words))
        return ""

    return handler
