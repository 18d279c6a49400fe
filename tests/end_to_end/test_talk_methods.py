"""Learned methods of talking behind the function: contract.md, section 11, 67 and 68."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator.suite import Suite
from tests.core.lipsync.wav2lip_files import wav2lip_folder
from tests.end_to_end.app import Cloud, Talk
from tests.end_to_end.deployment import Deployment, Dispatch, deployed, tell
from tests.end_to_end.test_liveportrait import start_function
from tests.end_to_end.test_talk_requests import error_of
from tests.end_to_end.test_talks import frames_of, new_avatar


def lines(deployment: Deployment, message: str) -> list[dict[str, Any]]:
    """What the renderer's log says under this message."""
    text = deployment.renderer.log.read_text()
    told = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in told if line["message"] == message]


@pytest.mark.scenarios
def test_67_a_method_for_research_only(
    suite: Suite, cloud: Cloud, dispatch: Dispatch, deployment: Deployment, tmp_path: Path
) -> None:
    settings = {
        "LIVEPORTRAIT_WEIGHTS": str(wav2lip_folder(tmp_path / "weights")),
        "LIVEPORTRAIT_TALK_METHODS": "visemes,wav2lip",
        "LIVEPORTRAIT_ACCEPTED_LICENCES": "wav2lip",
    }
    with deployed(suite, dispatch, tmp_path, **settings) as learned:
        tell(suite, learned)
        avatar = new_avatar(cloud, "researches")
        painted, warped, refused = (Talk(avatar, name) for name in ("painted", "warped", "refused"))
        painted.say()
        live = painted.wait_ready()
        warped.say(method="visemes")
        other = warped.wait_ready()
        refused.say(method="joyvasa")
        assert error_of(refused.wait_state("failed")) == "METHOD_NOT_INSTALLED"
        cloud.settle()
        tell(suite, deployment)
    named = {"method": "wav2lip", "licence": "research only"}
    assert {key: live[key] for key in named} == named
    assert live["params"]["method"] == "wav2lip"  # as `auto` takes it, where it is accepted
    (opened,) = lines(learned, "talk method open")
    assert opened["secondsFor10S"] > 0
    first, second = lines(learned, "published")
    assert {key: first[key] for key in named} == named
    assert (second["method"], second["licence"]) == ("visemes", "MIT")
    assert live["fingerprint"] != other["fingerprint"]
    folder = tmp_path / "videos"
    folder.mkdir()
    mouths = [frames_of(each["videoUrl"], folder) for each in (live, other)]
    assert any(np.abs(a.astype(int) - b).max() > 60 for a, b in zip(*mouths, strict=True))


def test_68_a_method_that_is_not_installed_is_named_and_nothing_starts(tmp_path: Path) -> None:
    done = start_function(
        tmp_path, LIVEPORTRAIT_ENGINE="mesh", LIVEPORTRAIT_TALK_METHODS="visemes,wav2lip"
    )
    assert done.returncode != 0
    assert "LIVEPORTRAIT_TALK_METHODS names wav2lip" in done.stderr
    assert "weights convert wav2lip" in done.stderr
