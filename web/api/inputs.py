"""The files of a request: from its own parts or from URLs, into the generation's folder.

What cannot be used is refused before anything is queued, and leaves nothing behind.
"""

import hashlib
import json
import math
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request

from liveportrait_core import (
    MAX_AUDIO_BYTES,
    MAX_IMAGE_BYTES,
    MAX_VIDEO_BYTES,
    InvalidOption,
    RenderError,
)
from liveportrait_core.edit_sequence import MAX_EDITS_BYTES, read_edit_sequence
from liveportrait_core.limits import MAX_SPEECH_SECONDS
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.file_kind import TEMPLATE_SUFFIXES
from liveportrait_core.media.pictures.image import fitted_size
from liveportrait_core.media.pictures.opening import is_picture
from liveportrait_core.media.portrait_process import decode_portrait
from liveportrait_core.media.sounds.reading import read_speech
from web.api.schemas import GenerationRequest, InputFile
from web.errors import InvalidRequest, TooLarge, Unprocessable, Unsupported
from web.fetch import SafeClient
from web.generation import Kind
from web.jobs.options import is_clip, is_still

LIMITS = {
    "portrait": MAX_IMAGE_BYTES,
    "driving": MAX_VIDEO_BYTES,
    "motion": MAX_EDITS_BYTES,
    "sound": MAX_AUDIO_BYTES,
}
MAX_BODY_BYTES = MAX_IMAGE_BYTES + MAX_VIDEO_BYTES + MAX_AUDIO_BYTES + 1_000_000
_FETCH_WITHIN_S = 60.0
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ReceivedFiles:
    """The inputs of a generation, checked."""

    names: dict[str, str]  # by role, of files in the folder
    digests: dict[str, str]  # by role, SHA-256
    length: tuple[int, float] | None  # frames and seconds of the motion; None: there is no file
    size: tuple[int, int]  # width, height of the portrait, reduced to sourceMaxDim


@asynccontextmanager
async def body_of(request: Request) -> AsyncIterator[tuple[Any, FormData]]:
    """Give the JSON of a request and the files that came with it, and close them afterwards.

    Raises:
        InvalidRequest: no JSON.
        Unsupported: neither JSON nor multipart.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        yield await json_of(request), FormData()
    elif kind == "multipart/form-data":
        async with files_of(request) as form:
            text = form.get("request")
            if not isinstance(text, str):
                raise InvalidRequest(
                    "the multipart body has no text part named request; accepted: one, with JSON",
                    field="request",
                )
            yield _parsed(text.encode()), form
    else:
        raise Unsupported(
            f"content-type is {kind or 'missing'!r}; accepted: application/json, "
            "multipart/form-data",
            field="Content-Type",
        )


@asynccontextmanager
async def files_of(request: Request) -> AsyncIterator[FormData]:
    """Give the parts of a multipart request, and close them afterwards."""
    try:
        form = await request.form(max_files=4, max_fields=20, max_part_size=1 << 20)
    except ClientDisconnect as error:
        raise InvalidRequest("the body did not come whole") from error
    try:
        yield form
    finally:
        await form.close()


async def json_of(request: Request) -> Any:
    """Return the body of a request, read as JSON.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        return _parsed(await request.body())
    except ClientDisconnect as error:
        raise InvalidRequest("the body did not come whole") from error


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is no JSON: {error}") from error


@contextmanager
def received(
    request: GenerationRequest, form: FormData, folder: Path, client: SafeClient | None
) -> Iterator[ReceivedFiles]:
    """Put the inputs into a folder, which is deleted again where the block raises.

    Args:
        request: names the inputs.
        form: the files that came with it.
        folder: where to; it must not exist yet.
        client: fetches URLs; None: uploads only.

    Raises:
        ApiError: an input is missing, too large, not allowed, or no picture or clip.
    """
    folder.mkdir(parents=True)
    try:
        names = {
            role: _receive(role, given, form, folder, client)
            for role in LIMITS
            if (given := getattr(request.input, role)) is not None
        }
        if request.kind is not Kind.LIPSYNC:
            names = _with_portrait(folder, names, request.params.max_seconds)
        size, length = _look(request, folder, names)
        digests = {role: _digest(folder / name) for role, name in names.items()}
        yield ReceivedFiles(names=names, digests=digests, length=length, size=size)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _receive(
    role: str, given: InputFile, form: FormData, folder: Path, client: SafeClient | None
) -> str:
    field = f"input.{role}"
    if given.url is not None:
        if client is None:
            raise InvalidRequest(
                "inputs by URL are switched off here; accepted: an upload, or ask who runs this "
                "to name hosts in AVATAR_WEB_URL_HOSTS",
                field=f"{field}.url",
                code="URL_NOT_ALLOWED",
            )
        name = role + _suffix(urlsplit(given.url).path)
        client.download(
            given.url,
            folder / name,
            max_bytes=LIMITS[role],
            within_s=_FETCH_WITHIN_S,
            field_name=f"{field}.url",
        )
        return name
    upload = form.get(given.upload or "")
    if not isinstance(upload, UploadFile):
        raise InvalidRequest(
            f"there is no file part named {given.upload!r}; accepted: a multipart body with one",
            field=f"{field}.upload",
        )
    name = role + _suffix(upload.filename or "")
    written = 0
    with (folder / name).open("wb") as file:
        while chunk := upload.file.read(_CHUNK):
            written += len(chunk)
            if written > LIMITS[role]:
                raise TooLarge(
                    f"the {role} has more than {LIMITS[role]} bytes; accepted: at most that",
                    field=field,
                )
            file.write(chunk)
    return name


def _with_portrait(folder: Path, names: dict[str, str], max_seconds: float) -> dict[str, str]:
    """Return the files with a portrait: without one, driving is the picture, or a clip of it."""
    if "portrait" in names:
        return names
    driving = folder / names["driving"]
    if is_picture(driving):
        return {**{name: file for name, file in names.items() if name != "driving"},
                "portrait": names["driving"]}  # fmt: skip
    try:
        with FrameReader(probe(driving, max_seconds), max_side_px=None) as reader:
            Image.fromarray(next(iter(reader))).save(folder / "portrait.png")
    except RenderError as error:
        raise Unprocessable(str(error), field="input.driving", code=error.code) from error
    return {**names, "portrait": "portrait.png"}


def _look(
    request: GenerationRequest, folder: Path, names: dict[str, str]
) -> tuple[tuple[int, int], tuple[int, float] | None]:
    """Decode the picture and probe the motion, so that unusable ones are refused at once."""
    role = "portrait"
    try:
        width, height = 0, 0  # of a lip-sync, which is not drawn
        length = None
        if role in names:
            width, height = _portrait_size(folder / names[role], request)
        if "driving" in names:
            role = "driving"
            portrait = folder / names["portrait"] if "portrait" in names else None
            length = _driving_length(folder / names[role], portrait, request)
        elif "motion" in names:
            role = "motion"
            edits = read_edit_sequence(folder / names[role])
            length = edits.frame_count, float(edits.frame_count / edits.fps)
        if "sound" in names:
            role = "sound"
            heard, _ = read_speech(folder / names[role])
            idle_fps = Fraction(request.params.fps)
            fps = idle_fps if length is None else length[0] / length[1]
            length = math.ceil(heard.seconds * Fraction(fps)), float(heard.seconds)
        return (width, height), length
    except RenderError as error:
        raise Unprocessable(str(error), field=f"input.{role}", code=error.code) from error


def _driving_length(
    driving: Path, portrait: Path | None, request: GenerationRequest
) -> tuple[int, float] | None:
    """Return frames and seconds that a clip, a motion template or a picture gives.

    Raises:
        RenderError: it cannot be read, or is of no use to this kind.
    """
    most = MAX_SPEECH_SECONDS if request.kind is Kind.LIPSYNC else request.params.max_seconds
    if driving.suffix in TEMPLATE_SUFFIXES and request.kind in (Kind.ANIMATE, Kind.TALK):
        from liveportrait_core.engines.liveportrait.template import load_template  # imports torch

        template = load_template(driving).trimmed(most)
        return template.frame_count, float(template.frame_count / template.fps)
    if request.kind is Kind.EDIT or is_still(driving):
        decode_portrait(driving, max_dim_px=request.params.source_max_dim)
        if request.kind is Kind.EDIT:
            return None
        if request.kind is not Kind.ANIMATE or portrait is None or not is_clip(portrait):
            raise InvalidOption(
                f"driving is a picture, and so is what kind {request.kind} makes of a picture; "
                "accepted: a clip, or kind edit"
            )
        driving = portrait
    clip = probe(driving, most)
    return clip.expected_frames, clip.expected_frames / float(clip.rate_fps)


def _portrait_size(path: Path, request: GenerationRequest) -> tuple[int, int]:
    """Return the size at which a picture, or a clip that is to be animated, is worked on."""
    most = request.params.source_max_dim
    if request.kind is Kind.ANIMATE and is_clip(path):
        clip = probe(path, request.params.max_seconds)
        return fitted_size(clip.width_px, clip.height_px, most)
    height, width = decode_portrait(path, max_dim_px=most).pixels.shape[:2]
    return width, height


def _suffix(name: str) -> str:
    """Return a harmless ending; the kind of file is told by its bytes."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 6 else ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
