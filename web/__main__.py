"""`python -m web`: serve the API, and print where it is."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import uvicorn

from web.api.service import base_url
from web.app import create_app
from web.jobs.ports import Jobs
from web.settings import InvalidSetting, Settings, settings_from


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 2: a setting is wrong."""
    parser = argparse.ArgumentParser(prog="python -m web", description=__doc__)
    parser.add_argument("--host", help="AVATAR_WEB_HOST (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="AVATAR_WEB_PORT (default: 7860)")
    parser.add_argument("--data", type=Path, help="AVATAR_WEB_DATA (default: out/web)")
    parser.add_argument("--engine", help="AVATAR_WEB_ENGINE: auto, liveportrait or mesh")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value}
    try:
        settings = replace(settings_from(), **given)
        app = create_app(settings, jobs=_jobs(settings))
    except InvalidSetting as error:
        print(f"INVALID_SETTING: {error}", file=sys.stderr)
        return 2
    url = base_url(settings)
    print(f"The API is at {url}/v1, its documentation at {url}/docs.", flush=True)
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning")
    return 0


def _jobs(settings: Settings) -> Jobs | None:
    """Return the cloud's queue where the settings name one; None: this process renders."""
    if settings.cloud is None:
        return None
    from web.cloud.maker import cloud_jobs  # one machine needs no client of a cloud

    cache = settings.data / "copies"
    return cloud_jobs(settings.cloud, cache=cache, max_queued=settings.max_queued)


if __name__ == "__main__":
    sys.exit(main())
