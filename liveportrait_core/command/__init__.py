"""The subcommands of `python -m liveportrait_core` that make or judge something, one module each.

Each adds itself to the parser and speaks through a `Voice`; none prints. They know files and people
and ask the renderer for everything else.
"""

from liveportrait_core.command.crop import add_crop
from liveportrait_core.command.idle import add_idle
from liveportrait_core.command.inspect import add_inspect
from liveportrait_core.command.ladder import add_ladder
from liveportrait_core.command.manual import ENVIRONMENT, EXAMPLES, EXIT_STATUS, ManualPage
from liveportrait_core.command.render import add_render
from liveportrait_core.command.voice import Voice

__all__ = [
    "ENVIRONMENT",
    "EXAMPLES",
    "EXIT_STATUS",
    "ManualPage",
    "Voice",
    "add_crop",
    "add_idle",
    "add_inspect",
    "add_ladder",
    "add_render",
]
