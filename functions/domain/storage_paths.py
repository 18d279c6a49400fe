"""Paths of objects: which URLs may name an input, where outputs lie, the URL of a result.

Pure text: no request is sent to any URL. Objects are read by path with the service's own
credentials, so tokens, signatures and other query parameters are ignored (contract.md, section 2).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from functions.origins import Origin, origin_of

_FIREBASE = origin_of("https://firebasestorage.googleapis.com")
_CLOUD_STORAGE = origin_of("https://storage.googleapis.com")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# No second layer of encoding: after decoding once, no encoded slash or dot may be left.
_DISGUISED = re.compile(r"\\|%(?:2f|2e|5c|25|00)", re.IGNORECASE)
_MAX_NAME_BYTES = 1024
OWNER_KEY: Final = "ownerUid"  # custom metadata of an upload: the uid of the client that made it
_MAX_URL_CHARACTERS = 8192  # an encoded name of three times its length, and a signature


@dataclass(frozen=True, kw_only=True)
class MediaPolicy:
    """Where inputs are accepted from."""

    bucket: str
    emulator: str | None = None  # host:port of the Storage emulator, while one is configured
    public_url: str | None = (
        None  # beside an emulator, what results' URLs begin with; None: its own
    )
    accept_uploads: bool = False  # also users/{userId}/uploads/


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """Storage's metadata of one object."""

    path: str
    generation: int
    size_bytes: int
    token: str = ""  # its download token, if it has one; several are separated by commas
    encoding: str = ""  # Content-Encoding of the stored bytes; "": none
    metadata: Mapping[str, str] = field(default_factory=dict, compare=False)  # custom metadata
    created: int = field(default=0, compare=False)  # epoch ms, by the store's clock

    @property
    def tokens(self) -> tuple[str, ...]:
        """The download tokens; each of them gives access."""
        return tuple(filter(None, self.token.split(",")))


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A finished local file, and the object to create from it."""

    path: str
    file: Path
    content_type: str
    token: str = ""  # uuid4; "": private, without a URL, and may be replaced
    metadata: Mapping[str, str]  # custom metadata


def avatar_folder(avatar_id: str) -> str:
    """Return the folder of everything that belongs to an avatar, with a closing slash."""
    return f"avatars/{avatar_id}/"


def uploads_folder(user_id: str) -> str:
    """Return the folder of a user's uploads, with a closing slash; an id without a slash."""
    return f"users/{user_id}/uploads/"


def output_folder(avatar_id: str) -> str:
    """Return the folder of everything the pipeline makes for an avatar, with a closing slash."""
    return f"{avatar_folder(avatar_id)}livePortrait/"


def cache_folder(avatar_id: str) -> str:
    """Return the folder of an avatar's cache, with a closing slash."""
    return f"livePortraitCache/avatars/{avatar_id}/"


def input_path(url: str, *, policy: MediaPolicy, avatar_id: str, user_id: str | None) -> str | None:
    """Return the path that an input URL names, or None where it is not allowed."""
    path = locate(url, policy)
    if path is None or path.startswith(output_folder(avatar_id)):
        return None
    allowed = [avatar_folder(avatar_id)]
    if policy.accept_uploads and user_id and "/" not in user_id:
        allowed.append(uploads_folder(user_id))
    return path if any(path.startswith(folder) for folder in allowed) else None


def is_own_output(url: str, *, policy: MediaPolicy, avatar_id: str) -> bool:
    """Tell whether a URL names an output of this avatar, kept or not."""
    path = locate(url, policy)
    return path is not None and path.startswith(output_folder(avatar_id))


def public_origin(policy: MediaPolicy) -> Origin:
    """Return the server that URLs of results name."""
    if policy.public_url is not None:
        return origin_of(policy.public_url)
    return _FIREBASE if policy.emulator is None else _emulator(policy.emulator).reachable


def download_url(path: str, token: str, policy: MediaPolicy) -> str:
    """Return the URL of an object; the token in it gives access."""
    name = quote(path, safe="")
    return f"{public_origin(policy)}/v0/b/{policy.bucket}/o/{name}?alt=media&token={token}"


def locate(url: str, policy: MediaPolicy) -> str | None:
    """Return the path of an object of the configured bucket, or None for every other text."""
    if len(url) > _MAX_URL_CHARACTERS:  # before any check of each character
        return None
    if _CONTROL.search(url) or url != url.strip():
        return None
    if url.startswith("gs://"):
        bucket, _, name = url.removeprefix("gs://").partition("/")
        return _checked(name) if bucket == policy.bucket else None
    try:
        raw = _raw_name(origin_of(url), urlsplit(url).path, policy)
        return None if raw is None else _checked(unquote(raw, errors="strict"))
    except ValueError:  # no server, malformed brackets, or bytes that are not UTF-8
        return None


def _raw_name(origin: Origin, path: str, policy: MediaPolicy) -> str | None:
    """Return the encoded object name, where server and bucket are accepted."""
    local = _is_local(origin, policy)
    firebase, plain = f"/v0/b/{policy.bucket}/o/", f"/{policy.bucket}/"
    if path.startswith(firebase) and (local or origin == _FIREBASE):
        name = path.removeprefix(firebase)
        return None if "/" in name else name  # here a name is one segment, its slashes encoded
    if path.startswith(plain) and (local or origin == _CLOUD_STORAGE):
        name = path.removeprefix(plain)
        return None if "%2f" in name.lower() else name  # here slashes are not encoded
    return None


def _is_local(origin: Origin, policy: MediaPolicy) -> bool:
    """Tell whether a server is the emulator, whose host a phone or a container names otherwise.

    Its port and the path identify it; nothing is ever fetched from the host.
    """
    if policy.emulator is None:
        return False
    emulator = _emulator(policy.emulator)
    return (origin.scheme, origin.port) == (emulator.scheme, emulator.port) or (
        origin == public_origin(policy)
    )


def _emulator(address: str) -> Origin:
    return origin_of(f"http://{address}")


def _checked(name: str) -> str | None:
    """Return the name, if a client's upload can have it and nothing in it is encoded twice."""
    if _CONTROL.search(name) or _DISGUISED.search(name):
        return None
    if any(segment in ("", ".", "..") for segment in name.split("/")):
        return None
    try:
        return name if len(name.encode()) <= _MAX_NAME_BYTES else None
    except UnicodeEncodeError:  # a lone surrogate
        return None
