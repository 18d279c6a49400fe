"""Every command that the fake project knows."""

import json

from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.base_commands import BASE_COMMANDS
from tests.deploy.fake_cloud.network_commands import NETWORK_COMMANDS
from tests.deploy.fake_cloud.project import Cloud, CommandRefused
from tests.deploy.fake_cloud.release_commands import RELEASE_COMMANDS
from tests.deploy.fake_cloud.service_commands import SERVICE_COMMANDS

_HANDLERS = BASE_COMMANDS | RELEASE_COMMANDS | SERVICE_COMMANDS | NETWORK_COMMANDS


def answer(cloud: Cloud, words: Arguments) -> str:
    """Return the standard output of one command.

    Raises:
        CommandRefused: the standard error.
    """
    for prefix, handler in _HANDLERS.items():
        if words.starts(prefix):
            said = handler(cloud, words)
            return said if isinstance(said, str) else json.dumps(said)
    raise CommandRefused(f"the stand-in knows no such command: {words}")
