"""Every command that the stand-in project knows."""

import json

from tests.deploy.fake_cloud.arguments import Words
from tests.deploy.fake_cloud.base_commands import GROUND
from tests.deploy.fake_cloud.project import Cloud, Refused
from tests.deploy.fake_cloud.service_commands import FLOW

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
