"""Learned methods of talking in the document: which are offered, what they say of themselves."""

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.talk_settings import TalkMethods
from liveportrait_core import SpeechHead
from liveportrait_core.errors import MethodTooSlow
from liveportrait_core.speech.methods import VERSIONS
from tests.functions.scene import SETTINGS, SOUND, Scene, document, talk_document

EVERYTHING = ("joyvasa", "wav2lip", "visemes", "gfpgan")
ALL_ACCEPTED = frozenset({"wav2lip", "gfpgan"})


def scene_with(
    offered: tuple[str, ...] = EVERYTHING, accepted: frozenset[str] = ALL_ACCEPTED
) -> Scene:
    """An avatar with a sound, in a deployment that offers these."""
    methods = TalkMethods(offered=offered, accepted=accepted)
    scene = Scene(settings=replace(SETTINGS, talk_methods=methods))
    scene.media.put(SOUND, b"sound")
    scene.save(document())
    return scene


@pytest.mark.parametrize(
    ("request_", "made_by"),
    [
        ({}, ("joyvasa", "idle", False)),
        ({"method": "visemes"}, ("visemes", "idle", False)),
        ({"text": "Hello"}, ("visemes", "idle", False)),  # what is known beats what is heard
        ({"visemes": [{"ms": 0, "viseme": "PP"}]}, ("visemes", "idle", False)),
        ({"text": "Hello", "method": "joyvasa"}, ("joyvasa", "idle", False)),
        ({"head": "speech"}, ("joyvasa", "speech", False)),
        ({"refine": True}, ("wav2lip", "idle", True)),
        ({"method": "wav2lip"}, ("wav2lip", "idle", False)),
    ],
)
def test_the_renderer_is_told_what_was_chosen(
    request_: dict[str, Any], made_by: tuple[str, str, bool]
) -> None:
    scene = scene_with()
    scene.save_talk(talk_document(**request_))
    method, head, refine = made_by
    (speech,) = scene.renderer.speeches
    assert (speech.method, speech.head, speech.refine) == (method, SpeechHead(head), refine)
    assert speech.within_s == scene.settings.deadline_s
    shown = scene.talk()["params"]
    assert (shown["method"], shown["head"], shown["refine"]) == made_by
    # No idle video moves like a head that the voice moves: the app has nothing to cut it into.
    idle = "" if head == "speech" else scene.live["resultFingerprint"]
    assert scene.talk()["idleFingerprint"] == idle


@pytest.mark.parametrize(
    ("offered", "accepted", "request_", "refusal"),
    [
        (EVERYTHING, (), {"method": "wav2lip"}, ("METHOD_NOT_LICENSED", "request.method")),
        (EVERYTHING, ("wav2lip",), {"refine": True}, ("METHOD_NOT_LICENSED", "request.refine")),
        (
            ("wav2lip", "visemes"), ("wav2lip",), {"refine": True},
            ("METHOD_NOT_INSTALLED", "request.refine"),
        ),
        (("visemes",), (), {"method": "wav2lip"}, ("METHOD_NOT_INSTALLED", "request.method")),
        (
            EVERYTHING, ALL_ACCEPTED, {"base": "heroVideo"},
            ("METHOD_NOT_INSTALLED", "request.base"),
        ),
    ],
)  # fmt: skip
def test_what_is_not_offered_or_not_accepted_is_refused_before_anything_is_rendered(
    offered: tuple[str, ...],
    accepted: tuple[str, ...],
    request_: dict[str, Any],
    refusal: tuple[str, str],
) -> None:
    scene = scene_with(offered, frozenset(accepted))
    scene.save_talk(talk_document(**request_))
    talk = scene.talk()
    assert (talk["state"], talk["error"]["code"], talk["error"]["field"]) == ("failed", *refusal)
    assert not scene.renderer.speeches


def test_method_refiner_and_their_licences_are_named_in_document_and_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scene = scene_with()
    scene.save_talk(talk_document(method="wav2lip", refine=True))
    named = {
        "method": "wav2lip",
        "licence": "research only",
        "refiner": "gfpgan",
        "refinerLicence": "Apache-2.0, parts non-commercial",
    }
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (published,) = (line for line in told if line["message"] == "published" and "method" in line)
    for shown in (scene.talk(), published):
        assert {key: shown[key] for key in named} == named
    scene.save_talk(talk_document(method="visemes"))
    assert scene.talk()["licence"] == "MIT"
    assert "refiner" not in scene.talk()


def test_a_method_that_takes_longer_than_the_deadline_is_told_with_its_seconds() -> None:
    scene = scene_with()

    def refuse() -> None:
        raise MethodTooSlow("joyvasa takes about 731 s here", seconds=730.2)

    scene.renderer.steps = [refuse]
    scene.save_talk(talk_document())
    talk = scene.talk()
    assert talk["state"] == "failed"
    assert talk["error"] == {
        "code": "METHOD_TOO_SLOW", "field": "request.method", "seconds": 731, "retryable": False,
    }  # fmt: skip
    assert scene.ledger.record("ava:hello").attempts == 1


def test_the_versions_of_method_and_refiner_name_the_render(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = scene_with()
    names = []
    for talk_id, newer in (("first", ""), ("second", "wav2lip"), ("third", "gfpgan")):
        if newer:
            monkeypatch.setitem(VERSIONS, newer, f"{newer}-next")
        for refine in (False, True):
            scene.save_talk(talk_document(method="wav2lip", refine=refine), f"{talk_id}-{refine}")
            names.append(scene.talk(f"{talk_id}-{refine}")["fingerprint"])
    plain, refined = names[::2], names[1::2]
    assert (len(set(plain)), len(set(refined))) == (2, 3)  # the refiner's has no part in the rest
