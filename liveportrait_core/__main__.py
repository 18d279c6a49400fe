"""The renderer on the command line, without a cloud: `python -m liveportrait_core --help`.

An installed package has the same commands as `avatar-idle`.

What a person did wrong ends in one line and status 2, a render that failed in status 1. The
subcommands are in `cli` and in `weights.command`.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from liveportrait_core import __version__
from liveportrait_core.cli import (
    ENVIRONMENT,
    EXAMPLES,
    EXIT_STATUS,
    CommandParser,
    Console,
    HelpFormatter,
    add_crop,
    add_edit,
    add_idle,
    add_inspect,
    add_multiplier_sweep,
    add_render,
    add_talk,
)
from liveportrait_core.cli.speech.conversion import add_convert
from liveportrait_core.cli.speech.lipsync import add_lipsync
from liveportrait_core.cli.speech.methods import add_methods
from liveportrait_core.cli.template import add_motion_commands
from liveportrait_core.errors import BadInput, EngineUnavailable, RenderError
from liveportrait_core.weights.command import add_weights_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and give the exit status."""
    parsed = command_parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return command(parsed)
    except (BadInput, EngineUnavailable) as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 2
    except RenderError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Cancelled; nothing unfinished was left.", file=sys.stderr)
        return 130


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    voice = Console(say=print, warn=lambda line: print(line, file=sys.stderr))
    parser = CommandParser(
        prog="python -m liveportrait_core",
        description="Make a portrait move. `COMMAND --help` says more of each.",
        epilog="\n".join((EXAMPLES, EXIT_STATUS, ENVIRONMENT)),
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"avatar-idle {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_render(commands, voice)
    add_multiplier_sweep(commands, voice)
    add_idle(commands, voice)
    add_talk(commands, voice)
    add_inspect(commands, voice)
    add_crop(commands, voice)
    add_edit(commands, voice)
    add_lipsync(commands, voice)
    add_methods(commands, voice)
    add_motion_commands(commands, say=print)
    add_convert(add_weights_command(commands, say=print), say=print)
    return parser


if __name__ == "__main__":
    sys.exit(main())
