"""The gate as Firebase functions: one for avatars, one for talks. Beside it options.json.

`on_document_written` says what `firebase deploy` is to make. What is served is the gate's own
entry, with the event as it comes: the library's decoder raises for values that apps may write, such
as a reference into another project, and such an event would come again for a day.
"""

import functools
import json
from collections.abc import Callable
from pathlib import Path

from cloudevents.http import CloudEvent
from firebase_functions import firestore_fn

from functions import main as gate

_DEPLOYMENT = json.loads(Path(__file__).with_name("options.json").read_text("utf-8"))


def _function(name: str, document: str) -> Callable[[CloudEvent], None]:
    def declared(event: object) -> None:
        raise NotImplementedError("the event as it comes is handled instead")

    declared.__name__ = name
    registered = firestore_fn.on_document_written(document=document, **_DEPLOYMENT["options"])(
        declared
    )

    @functools.wraps(registered)
    def handle(event: CloudEvent) -> None:
        gate.on_avatar_written(event)

    # The library has no option for it; without it an event that is answered 503 is lost.
    handle.__firebase_endpoint__.eventTrigger["retry"] = True
    return handle


on_avatar_written = _function("on_avatar_written", f"{_DEPLOYMENT['collection']}/{{avatarId}}")
on_talk_written = _function(
    "on_talk_written", f"{_DEPLOYMENT['collection']}/{{avatarId}}/talks/{{talkId}}"
)
