"""Handlers that list, create, update and delete resources of any kind."""

from collections.abc import Callable
from typing import Any

from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.project import PROJECT, Cloud

Handler = Callable[[Cloud, Arguments], Any]


def location_of(words: Arguments) -> str:
    """The location or region that a command names; empty without."""
    return words.flag("location", "") or words.flag("region", "")


def full_name(words: Arguments, kind: str, name: str) -> str:
    """The name as `list` shows it."""
    return f"projects/{PROJECT}/locations/{location_of(words)}/{kind}/{name}"


def list_handler(kind: str) -> Handler:
    """Answer `list`."""

    def handler(cloud: Cloud, words: Arguments) -> Any:
        wanted = location_of(words)
        things = cloud.things.get(kind, {}).values()
        found = [thing for thing in things if not wanted or thing.get("#place", wanted) == wanted]
        if words.has("filter"):
            key, _, value = words.flag("filter").partition("=")
            found = [thing for thing in found if thing[key] == value.strip('"')]
        printed = words.flag("format")
        if printed == "json":
            return found
        printed = printed.removeprefix("value(").removesuffix(")")
        return "\n".join(thing[printed] for thing in found)

    return handler


def delete_handler(kind: str, index: int) -> Handler:
    """Answer `delete`; the name is the place of this index."""

    def handler(cloud: Cloud, words: Arguments) -> str:
        cloud.delete(kind, words.positional[index])
        return ""

    return handler


def create_handler(kind: str, index: int, body: Any, change: bool = False) -> Handler:
    """Answer `create` or `update` by what `body` makes of the words."""

    def handler(cloud: Cloud, words: Arguments) -> str:
        act = cloud.change if change else cloud.make
        act(kind, words.positional[index], body(words))
        return ""

    return handler
