"""The options that both commands take, beside the environment."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from web.settings import Settings, settings_from


def settings_of(arguments: Sequence[str] | None, *, prog: str, description: str) -> Settings:
    """Read the settings; an option goes before its variable.

    Raises:
        InvalidSetting: a setting is wrong.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--host", help="AVATAR_WEB_HOST (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="AVATAR_WEB_PORT (default: 7860)")
    parser.add_argument("--data", type=Path, help="AVATAR_WEB_DATA (default: out/web)")
    parser.add_argument("--engine", help="AVATAR_WEB_ENGINE: auto, liveportrait or mesh")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value}
    return replace(settings_from(), **given)
