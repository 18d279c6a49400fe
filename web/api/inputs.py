"""The files of a request: from its own parts or from URLs, into the generation's folder.

What cannot be used is refused before anything is queued, and leaves nothing behind.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from starlette.datastructures import FormData, UploadFile

from liveportrait_core import (
    MAX_AUDIO_BYTES,
    MAX_IMAGE_BYTES,
    MAX_VIDEO_BYTES,
    RenderError,
)
from liveportrait_core.limits import MAX_TEMPLATE_BYTES
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.file_kind import TEMPLATE_SUFFIXES
from liveportrait_core.media.pictures.opening import is_picture
from web.api.measuring import measured
from web.api.schemas import GenerationRequest, InputFile
from web.errors import InvalidRequest, TooLarge, Unprocessable
from web.fetch import SafeClient
from web.generation import Kind
from web.jobs.options import motion_suffix

LIMITS = {
    "portrait": MAX_IMAGE_BYTES,
    "driving": MAX_VIDEO_BYTES,
    "motion": MAX_TEMPLATE_BYTES,
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
        if _is_moved_by_template(names, request.kind):
            names["motion"] = names.pop("driving")
        if "motion" in names:
            names["motion"] = _named_by_content(folder, names["motion"])
        if request.kind not in (Kind.LIPSYNC, Kind.MOTION):
            names = _with_portrait(folder, names, request.params.max_seconds)
        size, length = measured(request, folder, names)
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


def _is_moved_by_template(names: Mapping[str, str], kind: Kind) -> bool:
    """Tell whether a template was given as driving, as on the command line."""
    return kind is not Kind.EDIT and Path(names.get("driving", "")).suffix in TEMPLATE_SUFFIXES


def _named_by_content(folder: Path, name: str) -> str:
    """Let the ending of a motion's file tell edits from templates."""
    path = folder / name
    return path.rename(path.with_suffix(motion_suffix(path))).name


def _with_portrait(folder: Path, names: dict[str, str], max_seconds: float) -> dict[str, str]:
    """Return the files with a portrait: without one, driving is the picture, or a clip of it."""
    if "portrait" in names:
        return names
    if "driving" not in names:
        raise InvalidRequest(
            "input.portrait is missing; accepted: a picture of a face", field="input.portrait"
        )
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


def _suffix(name: str) -> str:
    """Return a harmless ending; the kind of file is told by its bytes."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 6 else ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
