"""References to media: which URLs may name an input, and the URL under which a result is played.

Pure text: no request is ever sent from here, nor to anything that `locate` does not accept.
Objects are read by path with the service's own credentials, so tokens, signatures and other query
parameters mean nothing (contract.md, section 2).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

_FIREBASE = "firebasestorage.googleapis.com"
_CLOUD_STORAGE = "storage.googleapis.com"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A second layer of encoding is a disguise: after decoding once, no slash or dot may hide.
_DISGUISED = re.compile(r"\\|%(?:2f|2e|5c|25|00)", re.IGNORECASE)
_MAX_NAME_BYTES = 1024
_MAX_URL_CHARACTERS = 8192  # a name three times as long for its encoding, a signature, and room


@dataclass(frozen=True, kw_only=True)
class MediaPolicy:
    """Where inputs may lie."""

    bucket: str
    emulator: str | None = None  # host:port of the Storage emulator, while one is configured
    accept_uploads: bool = False  # also users/{userId}/uploads/


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """What Storage says of one object."""

    path: str
    generation: int
    size_bytes: int
    token: str = ""  # its download token, where it has one; with commas between several
    encoding: str = ""  # how the stored bytes are compressed (Content-Encoding); "": they are not
    metadata: Mapping[str, str] = field(default_factory=dict, compare=False)  # custom metadata

    @property
    def tokens(self) -> tuple[str, ...]:
        """The download tokens, any of which opens it."""
        return tuple(filter(None, self.token.split(",")))


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A finished local file, and the object it is to become."""

    path: str
    file: Path
    content_type: str
    token: str = ""  # uuid4; none: private, no URL opens it, and it may be replaced
    metadata: Mapping[str, str]  # custom metadata


def output_folder(avatar_id: str) -> str:
    """The folder of everything the pipeline makes for an avatar, with a closing slash."""
    return f"avatars/{avatar_id}/livePortrait/"


def attempt_folder(avatar_id: str, fingerprint: str, request_id: str) -> str:
    """The folder of what one claim makes, with a closing slash: no two attempts share a path."""
    return f"{output_folder(avatar_id)}{fingerprint}/{request_id}/"


def cache_folder(avatar_id: str) -> str:
    """The folder of what is cached for an avatar, with a closing slash."""
    return f"livePortraitCache/avatars/{avatar_id}/"


def input_path(url: str, *, policy: MediaPolicy, avatar_id: str, user_id: str | None) -> str | None:
    """The object an input URL names, or None where it is not allowed."""
    path = locate(url, policy)
    if path is None or path.startswith(output_folder(avatar_id)):
        return None
    allowed = [f"avatars/{avatar_id}/"]
    if policy.accept_uploads and user_id and "/" not in user_id:
        allowed.append(f"users/{user_id}/uploads/")
    return path if any(path.startswith(folder) for folder in allowed) else None


def is_own_output(url: str, *, policy: MediaPolicy, avatar_id: str) -> bool:
    """Whether a URL names something the pipeline made for this avatar, still kept or not."""
    path = locate(url, policy)
    return path is not None and path.startswith(output_folder(avatar_id))


def download_url(path: str, token: str, policy: MediaPolicy) -> str:
    """The URL under which anyone who knows the token may play the object."""
    origin = f"http://{policy.emulator}" if policy.emulator else f"https://{_FIREBASE}"
    return f"{origin}/v0/b/{policy.bucket}/o/{quote(path, safe='')}?alt=media&token={token}"


def locate(url: str, policy: MediaPolicy) -> str | None:
    """The path of an object of the configured bucket, or None for every other text."""
    if len(url) > _MAX_URL_CHARACTERS:  # before anything looks at each character
        return None
    if _CONTROL.search(url) or url != url.strip():
        return None
    if url.startswith("gs://"):
        bucket, _, name = url.removeprefix("gs://").partition("/")
        return _checked(name) if bucket == policy.bucket else None
    try:
        parts = urlsplit(url)
        raw = _raw_name(parts.scheme, parts.netloc.lower(), parts.path, policy)
        return None if raw is None else _checked(unquote(raw, errors="strict"))
    except ValueError:  # malformed brackets in the host, or bytes that are not UTF-8
        return None


def _raw_name(scheme: str, host: str, path: str, policy: MediaPolicy) -> str | None:
    """The still encoded object name, where scheme, host and bucket are the right ones."""
    local = _is_emulator(host, policy) and scheme == "http"
    firebase, plain = f"/v0/b/{policy.bucket}/o/", f"/{policy.bucket}/"
    if path.startswith(firebase) and (local or (scheme == "https" and host == _FIREBASE)):
        name = path.removeprefix(firebase)
        return None if "/" in name else name  # there a name is one segment, its slashes encoded
    if path.startswith(plain) and (local or (scheme == "https" and host == _CLOUD_STORAGE)):
        name = path.removeprefix(plain)
        return None if "%2f" in name.lower() else name  # there slashes are slashes
    return None


def _is_emulator(host: str, policy: MediaPolicy) -> bool:
    if policy.emulator is None:
        return False
    name, _, port = policy.emulator.lower().rpartition(":")
    loopback = ("127.0.0.1", "localhost")
    names = loopback if name in loopback else (name,)
    return host in {f"{each}:{port}" for each in names}


def _checked(name: str) -> str | None:
    """The name, if it is one that a client's upload can have and that hides nothing."""
    if _CONTROL.search(name) or _DISGUISED.search(name):
        return None
    if any(segment in ("", ".", "..") for segment in name.split("/")):
        return None
    try:
        return name if len(name.encode()) <= _MAX_NAME_BYTES else None
    except UnicodeEncodeError:  # a lone surrogate
        return None
