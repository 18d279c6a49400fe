"""What ends a deployment, as one tree; the message is what the operator reads.

DeployFault
├── SettingInvalid    an option is wrong: the thing, the value, what would be accepted
├── FactRefused       what was looked up in the project rules the deployment out
├── StandsForeign     something of the app's own stands where ours would go
└── CommandFailed     a command ended badly, or answered what nothing could be read from
"""


class DeployFault(Exception):
    """The deployment cannot go on."""


class SettingInvalid(DeployFault):
    """An option is wrong."""


class FactRefused(DeployFault):
    """What was looked up in the project rules the deployment out."""


class StandsForeign(DeployFault):
    """Something of the app's own stands where ours would go."""


class CommandFailed(DeployFault):
    """A command ended badly, or answered what nothing could be read from."""
