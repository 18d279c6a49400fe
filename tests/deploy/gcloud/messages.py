"""Asks the installed gcloud's own messages what they do not know in a body."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("messages_script.py")
Body = tuple[str, str, str, Any]  # API, version, message, and what is to be one


def unknown_fields(
    parser: Sequence[str], environment: Mapping[str, str], bodies: Sequence[Body]
) -> list[list[str]]:
    """For each body the paths that its message does not have."""
    *python, _, library = parser
    heard = subprocess.run(
        [*python, str(SCRIPT), library],
        input=json.dumps(bodies),
        env=environment,
        capture_output=True,
        text=True,
    )
    assert heard.returncode == 0, heard.stderr[-2000:]
    return json.loads(heard.stdout)
