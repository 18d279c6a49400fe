"""The subcommands of `python -m liveportrait_core` that make or judge something, one module each.

Each adds itself to the parser and writes to a `Console`; none prints. The rest is the renderer's.
"""

from liveportrait_core.cli.console import Console
from liveportrait_core.cli.help_text import (
    ENVIRONMENT,
    EXAMPLES,
    EXIT_STATUS,
    CommandParser,
    HelpFormatter,
)
from liveportrait_core.cli.idle import add_idle
from liveportrait_core.cli.inspect import add_inspect
from liveportrait_core.cli.multiplier_sweep import add_multiplier_sweep
from liveportrait_core.cli.pictures import add_crop, add_edit
from liveportrait_core.cli.render import add_render
from liveportrait_core.cli.speech.talk import add_talk

__all__ = [
    "ENVIRONMENT",
    "EXAMPLES",
    "EXIT_STATUS",
    "CommandParser",
    "Console",
    "HelpFormatter",
    "add_crop",
    "add_edit",
    "add_idle",
    "add_inspect",
    "add_multiplier_sweep",
    "add_render",
    "add_talk",
]
