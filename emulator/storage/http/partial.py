"""Partial responses: the parameter `fields`, such as `items(name,size),nextPageToken`. Pure."""

import re
from typing import Any

from emulator.storage.errors import BadRequest

_TOKEN = re.compile(r"[\w*.-]+|[(),/]")

Selection = dict[str, "Selection"]
"""The names to keep and what to keep of each; nothing: all of it. `*` stands for every name."""


def parse_fields(text: str) -> Selection:
    """Read a `fields` parameter.

    Raises:
        BadRequest: it is malformed.
    """
    tokens = _TOKEN.findall(text.replace(" ", ""))
    if "".join(tokens) != text.replace(" ", "") or not tokens:
        raise BadRequest(f'fields is "{text}"; accepted: such as items(name,size),nextPageToken')
    try:
        selection = _selection(tokens)
    except IndexError as error:
        raise BadRequest(f'fields is "{text}", which ends too soon') from error
    if tokens:
        raise BadRequest(f'fields is "{text}"; "{"".join(tokens)}" was not expected')
    return selection


def _selection(tokens: list[str]) -> Selection:
    """Read entries until a closing bracket or the end; what is read is removed."""
    selection: Selection = {}
    while True:
        name = tokens.pop(0)
        if name in "(),/":
            raise BadRequest(f'fields has "{name}" where a name was expected')
        selection.setdefault(name, {}).update(_below(tokens))
        if not tokens or tokens[0] != ",":
            return selection
        tokens.pop(0)


def _below(tokens: list[str]) -> Selection:
    if tokens and tokens[0] == "/":
        tokens.pop(0)
        name = tokens.pop(0)
        return {name: _below(tokens)}
    if tokens and tokens[0] == "(":
        tokens.pop(0)
        inner = _selection(tokens)
        if tokens.pop(0) != ")":
            raise BadRequest("fields has an opening bracket without a closing one")
        return inner
    return {}


def select(value: Any, selection: Selection) -> Any:
    """Return the selected part of a JSON value."""
    if not selection:
        return value
    if isinstance(value, list):
        return [select(element, selection) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        name: select(inner, selection.get(name, selection.get("*", {})))
        for name, inner in value.items()
        if name in selection or "*" in selection
    }
