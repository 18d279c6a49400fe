"""The errors of a deployment as one tree.

DeployError
├── InvalidSetting       an option is wrong: its name, its value, what is accepted
├── UnsupportedProject   a fact of the project rules out the deployment
├── ForeignResource      the app has its own resource in the place of one of the plan
└── CommandFailed        a command failed, or its output cannot be read
"""


class DeployError(Exception):
    """The deployment cannot continue."""


class InvalidSetting(DeployError):
    """An option is wrong."""


class UnsupportedProject(DeployError):
    """A fact of the project rules out the deployment."""


class ForeignResource(DeployError):
    """The app has its own resource in the place of one of the plan."""


class CommandFailed(DeployError):
    """A command failed, or its output cannot be read."""
