"""One JSON line per fact."""

import json

import pytest

from functions import log


def test_a_fact_is_one_line_with_its_ids(capsys: pytest.CaptureFixture[str]) -> None:
    with log.bound(avatar_id="Zoë"):
        with log.bound(render_id="0123"):
            log.info("published", frame_count=3, path="a\nb")
        log.warning("late")
    log.error("broken", reason=ValueError("x"))
    out, err = capsys.readouterr()
    assert out == ""
    first, second, third = (json.loads(line) for line in err.splitlines())
    assert first == {
        "severity": "INFO",
        "message": "published",
        "avatarId": "Zoë",
        "renderId": "0123",
        "frameCount": 3,
        "path": "a\nb",
    }
    assert second == {"severity": "WARNING", "message": "late", "avatarId": "Zoë"}
    assert third == {"severity": "ERROR", "message": "broken", "reason": "x"}
