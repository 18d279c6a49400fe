"""What both commands do first: read their options, and see that folder and port are free."""

import argparse
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from web.settings import InvalidSetting, Settings, settings_from


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


def require_free(settings: Settings) -> None:
    """Refuse a port or a folder that cannot be had, before anything is started for them.

    Both are let go again: who serves takes them, the folder by the same lock.

    Raises:
        InvalidSetting: another process has one of them, or the folder cannot be written.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except (OSError, OverflowError) as error:  # a port of six digits overflows
            raise InvalidSetting(
                f"port {settings.port} of {settings.host} cannot be had: {error}; "
                "accepted: a free one in AVATAR_WEB_PORT (--port; with make API_PORT=…)"
            ) from error
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        locked(settings.data).release()
    except OSError as error:
        raise InvalidSetting(
            f"{settings.data} cannot be written: {error.strerror}; accepted: another folder in "
            "AVATAR_WEB_DATA (--data)"
        ) from error


def locked(data: Path) -> FileLock:
    """Return the lock of a data folder, taken: one process uses it at a time.

    Raises:
        InvalidSetting: another process has it.
    """
    lock = FileLock(data / "in-use.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InvalidSetting(
            f"{data} is used by another process; accepted: another folder in AVATAR_WEB_DATA "
            "(--data)"
        ) from error
    return lock
