"""The names of renders: digests of everything that decides what a video looks like. Pure.

Made of paths and generations, never of URLs. Rules: contract.md, section 2.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from functions.domain.document import CONTRACT_VERSION
from functions.domain.request import RenderRequest
from functions.domain.storage_paths import StoredObject
from functions.domain.talks.request import Talk
from liveportrait_core import ANIMAL_REVISION, Species, SpeechMethod, SyntheticIdle
from liveportrait_core.speech.methods import GFPGAN, VERSIONS


def fingerprint(
    request: RenderRequest,
    *,
    engine_version: str,
    image: StoredObject | None,
    video: StoredObject | None,
    sound: StoredObject | None = None,
) -> str:
    """Return the 16 hex digits that name a render; a missing object has no generation.

    Made of paths and generations, never URLs: a rotated token is no reason to render again.
    """
    content = _idle_content(request, engine_version, image, video)
    if request.talk is not None:
        content |= _talk_content(request.talk, sound)
    return _digest(content)


def said_in(talk: Talk, sound: StoredObject | None) -> str:
    """Return a digest of what a talk asks for by itself, whatever its avatar asks for.

    `auto` has one whatever it comes to: a method that is offered later is no other request.
    """
    if talk.asked is SpeechMethod.AUTO:
        parameters = replace(talk.parameters, method=SpeechMethod.VISEMES)
        talk = replace(talk, parameters=parameters)
    return _digest(_talk_content(talk, sound))


def _talk_content(talk: Talk, sound: StoredObject | None) -> dict[str, object]:
    content: dict[str, object] = {
        "talk": talk.as_json(),
        "methodVersion": VERSIONS[talk.parameters.method],
        "sound": [talk.audio_path, sound.generation if sound else None],
    }
    if talk.parameters.refine:
        content["refinerVersion"] = VERSIONS[GFPGAN]
    return content


def _digest(content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _idle_content(
    request: RenderRequest,
    engine_version: str,
    image: StoredObject | None,
    video: StoredObject | None,
) -> dict[str, object]:
    wanted = request.parameters
    content: dict[str, object] = {
        "contract": CONTRACT_VERSION,
        "engineVersion": engine_version,
        "parameters": {
            "drivingMultiplier": wanted.driving_multiplier,
            "normalizeLip": wanted.normalize_lip,
            "animationRegion": wanted.animation_region.value,
            "pasteback": wanted.pasteback,
            "scale": wanted.scale,
            "sourceMaxDim": wanted.source_max_dim,
        },
        "nonce": request.nonce,
        "image": [request.image_path, image.generation if image else None],
        "video": [request.video_path, video.generation if video else None],
    }
    if wanted.edit:
        content["edit"] = wanted.edit
    if wanted.species is Species.ANIMAL:
        # The engine's version is that of people's networks.
        content["animal"] = [ANIMAL_REVISION, wanted.face_points]
    if request.video_path is None:
        content["video"] = ["synthetic", SyntheticIdle.seconds, str(SyntheticIdle.fps)]
    return content
