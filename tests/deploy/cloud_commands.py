"""Every command that the stand-in project knows."""

import json

from tests.deploy.cloud import Cloud, Refused
from tests.deploy.cloud_flow import FLOW
from tests.deploy.cloud_ground import GROUND
from tests.deploy.words import Words

_HANDLERS = GROUND | FLOW


def answer(cloud: Cloud, words: Words) -> str:
    """The standard output of one command.

    Raises:
        Refused: the standard error.
    """
    for prefix, handler in _HANDLERS.items():
        if words.starts(prefix):
            said = handler(cloud, words)
            return said if isinstance(said, str) else json.dumps(said)
    raise Refused(f"the stand-in knows no such command: {words}")
