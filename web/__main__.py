"""`python -m web`: serve the API, and print where it is."""

import sys
from collections.abc import Sequence

import uvicorn

from web.api.service import base_url
from web.app import create_app
from web.command_line import require_free, settings_of
from web.jobs.ports import Jobs
from web.settings import InvalidSetting, Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 2: a setting is wrong."""
    try:
        settings = settings_of(arguments, prog="python -m web", description=__doc__)
        require_free(settings)
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
