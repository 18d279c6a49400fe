"""Run by gcloud's own Python: names what Google's APIs would not know in a body.

gcloud itself passes such things on without a word. Bodies come as JSON on standard input, each with
its API, version and message; the paths that the message does not have go out as JSON.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any


def unknown(message: Any, base: Any, path: str) -> Iterator[str]:
    """Paths of fields, and of values of enumerations, that the message does not have."""
    yield from (f"{path}.{name}" for name in message.all_unrecognized_fields())
    for field in message.all_fields():
        value = message.get_assigned_value(field.name)
        for one in value if field.repeated else [value]:
            if isinstance(one, base):
                yield from unknown(one, base, f"{path}.{field.name}")


def main(library: str) -> None:
    """Read every body with the SDK whose `lib` folder this is."""
    sys.path[:0] = [f"{library}/third_party", library]
    sys.argv = ["gcloud"]
    from apitools.base.protorpclite import messages  # type: ignore[import-not-found]
    from apitools.base.py import encoding  # type: ignore[import-not-found]
    from googlecloudsdk.api_lib.util import apis  # type: ignore[import-not-found]

    found = []
    for api, version, name, body in json.load(sys.stdin):
        kind = getattr(apis.GetMessagesModule(api, version), name)
        message = encoding.PyValueToMessage(kind, body)
        found.append(list(unknown(message, messages.Message, name)))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
