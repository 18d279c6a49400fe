"""Run by gcloud's own Python: reads each command as gcloud does, up to the missing account.

Knows nothing of this repository: commands come as JSON on standard input, what gcloud said of each
goes out as JSON. One process for all, because one start of gcloud takes a second.
"""

import contextlib
import io
import json
import os
import sys
from typing import Any


def said(cli: Any, log: Any, argv: list[str]) -> str:
    """What gcloud writes, with its exit code, for one command."""
    heard = io.StringIO()
    log.Reset(heard, heard)
    code: object = 0
    with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
        try:
            cli.Execute(argv, call_arg_complete=False)
        except SystemExit as end:
            code = end.code
    return f"{code} {heard.getvalue()}"


def main(library: str) -> None:
    """Read every command with the SDK whose `lib` folder this is."""
    sys.path[:0] = [f"{library}/third_party", library]
    sys.argv = ["gcloud"]
    from googlecloudsdk import gcloud_main  # type: ignore[import-not-found]
    from googlecloudsdk.core import log  # type: ignore[import-not-found]

    cli = gcloud_main.CreateCLI([])
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as out:  # `storage cat` closes its own
        json.dump([said(cli, log, argv) for argv in json.load(sys.stdin)], out)


if __name__ == "__main__":
    main(sys.argv[1])
