"""The subcommands of `python -m liveportrait_core` that make or judge something, one module each.

Each adds itself to the parser and speaks through a `Voice`; none prints. They know files and people
and ask the renderer for everything else.
"""

from liveportrait_core.cli.console import Voice
from liveportrait_core.cli.crop import add_crop
from liveportrait_core.cli.help_text import ENVIRONMENT, EXAMPLES, EXIT_STATUS, ManualPage
from liveportrait_core.cli.idle import add_idle
from liveportrait_core.cli.inspect import add_inspect
from liveportrait_core.cli.multiplier_sweep import add_ladder
from liveportrait_core.cli.render import add_render

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
