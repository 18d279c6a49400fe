"""What no event told of, found and mended over real wires: contract.md, section 10."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tests.end_to_end.app import Cloud, exists, play
from tests.end_to_end.deployment import CALLER, SETTINGS

FIRST = "zzz-reconciled"  # behind all other scenarios' avatars: theirs are not this one's matter


def reconcile(cloud: Cloud) -> Mapping[str, Any]:
    """Run once, in the role that the deployment's gate has."""
    suite, turnstile = cloud.suite, cloud.deployment.turnstile
    environment = {**SETTINGS, "LIVEPORTRAIT_BUCKET": suite.options.bucket}
    if turnstile is not None:
        environment |= {
            "LIVEPORTRAIT_ROLE": "gate",
            "LIVEPORTRAIT_TASKS_QUEUE": suite.options.queue_name,
            "LIVEPORTRAIT_RENDERER_URL": turnstile.url,
            "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT": CALLER,
        }
    done = subprocess.run(
        [sys.executable, "-m", "functions.reconcile", "--quiet", "0", "--after", FIRST],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cloud.settle()
    summary: Mapping[str, Any] = json.loads(done.stdout)
    return summary


def test_what_no_event_told_of_is_mended(cloud: Cloud) -> None:
    avatar = cloud.avatar(FIRST)
    avatar.create()
    cloud.settle()
    cloud.suite.control.drop_events(prefix=f"avatars/{avatar.id}")
    avatar.save(0.40)
    cloud.settle()
    assert "livePortrait" not in avatar.read()

    assert reconcile(cloud)["mended"] == {"lost-event": 1}
    live = avatar.wait_ready(0.40)
    assert avatar.renders() == 1
    assert play(live["idleVideoUrl"])[1] == "video/mp4"
    avatar.assert_inputs_untouched()

    cloud.suite.control.drop_events(prefix=f"avatars/{avatar.id}")
    avatar.document.delete()
    cloud.settle()
    assert len(avatar.output_names()) == 2
    assert reconcile(cloud)["mended"] == {"no-document": 1}
    assert not exists(avatar)
    assert avatar.output_names() == []
    assert avatar.ledger() == {}
