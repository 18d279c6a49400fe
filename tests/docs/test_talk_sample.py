"""docs/use/app.md, "A talk": what its Dart reads and writes, beside what the service knows."""

import re
from dataclasses import replace

from functions.domain.job_record import TalkCuts
from functions.domain.job_record.status_view import live_portrait
from functions.domain.request import Reader, RenderRequest
from functions.domain.talks.document import TalkSnapshot
from functions.domain.talks.request import TalkParameters
from tests.docs.test_flutter import PAGE
from tests.functions.domain.test_status_view import RECORD
from tests.functions.doubles import about
from tests.functions.scene import AVATAR, BUCKET, POLICY, SOUND, document, snapshot

SAMPLE = PAGE[PAGE.index("\n## A talk\n") : PAGE.index("\n### What players take\n")]
CUTS = TalkCuts(
    parameters=TalkParameters(), said="s", idle_fingerprint="f", start_frame=0, resume_frame=7,
    has_speech=True,
)  # fmt: skip


def test_the_sample_reads_only_what_the_service_writes() -> None:
    record = replace(RECORD, results=(replace(RECORD.results[0], talk=CUTS),))
    written = live_portrait(record)
    assert written is not None
    read = set(re.findall(r"\btalk\['(\w+)'\]", SAMPLE))
    assert read == {"videoUrl", "idleFingerprint", "startFrame", "resumeFrame", "fps"}
    assert read <= set(written)
    assert re.findall(r"\bidle\['(\w+)'\]", SAMPLE) == ["resultFingerprint"]
    assert "resultFingerprint" in (live_portrait(RECORD) or {})


def test_what_the_sample_asks_for_is_rendered() -> None:
    (keys,) = re.findall(r"'request': \{('.*)\},", SAMPLE)
    assert keys == "'audioUrl': sound"
    avatar = snapshot(document())
    asked = TalkSnapshot(fields={"request": {"audioUrl": f"gs://{BUCKET}/{SOUND}"}}, avatar=avatar)
    ask = Reader(policy=POLICY).read(about(AVATAR, "hello"), asked)
    assert isinstance(ask, RenderRequest)
    assert ask.talk is not None
