"""Fetching weight files from a model hub, so that only whole files ever get their final names.

A file grows in the folder's `.incoming/`, named by the digest it must have in the end; an attempt
that breaks off is continued, by this process or a later one. Size and SHA-256 are compared with the
manifest before the file moves to its place.

The hub's protocol is huggingface_hub's, used below its `hf_hub_download`: that one deletes what a
broken-off download has brought, and prefers the Xet transport, which few mirrors speak.
"""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from filelock import FileLock, Timeout
from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.file_download import http_get

from liveportrait_core.errors import FetchFailed
from liveportrait_core.weights.digests import (Condition, inspect_file, remember_digest, sha256_of)
from liveportrait_core.weights.manifest import WeightFile, choose_files, read_manifest

log = logging.getLogger(__name__)

INCOMING = ".incoming"
ATTEMPTS = 3
PAUSE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Hub:
    """Where files come from."""

    name: str  # owner/name of the repository
    revision: str
    endpoint: str | None  # None: huggingface_hub's own, which HF_ENDPOINT sets

    def url(self, path: str) -> str:
        """Return the address of one file."""
        return hf_hub_url(self.name, path, revision=self.revision, endpoint=self.endpoint)


def fetch_all(
    folder: Path,
    *,
    hub: str | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
    safetensors: bool = False,
    non_commercial: bool = False,
    animals: bool = False,
    say: Callable[[str], None],
) -> None:
    """Make the weights folder complete; what is whole already stays.

    Args:
        folder: the weights folder; made if it is not there.
        hub: another repository, `owner/name`, with the same files.
        revision: another revision.
        endpoint: another server with the hub's protocol.
        safetensors: as in `choose_files`.
        non_commercial: as in `choose_files`.
        animals: as in `choose_files`.
        say: takes a line for the person who waits.

    Raises:
        FetchFailed: a file did not come whole, or another process is fetching into the folder.
    """
    wanted = choose_files(
        read_manifest(folder),
        safetensors=safetensors,
        non_commercial=non_commercial,
        animals=animals,
    )
    incoming = folder / INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(incoming / "lock", timeout=1.0):
            for want in wanted:
                source = Hub(
                    name=hub or want.hub,
                    revision=revision or want.revision,
                    endpoint=endpoint,
                )
                fetch_file(folder, want.file, source, say=say)
    except Timeout:
        raise FetchFailed(
            f"another process is fetching into {folder}; wait for it, or choose another folder"
        ) from None


def fetch_file(folder: Path, file: WeightFile, hub: Hub, *, say: Callable[[str], None]) -> None:
    """Bring one file to its place, unless it is there and whole.

    Raises:
        FetchFailed: it did not come whole in several attempts.
    """
    place = folder / file.path
    if inspect_file(folder, file).condition is Condition.WHOLE:
        say(f"{file.path}: here and whole")
        return
    size = "" if file.size_bytes is None else f"{file.size_bytes / 1e6:.1f} MB "
    say(f"{file.path}: {size}from {hub.name}")
    if file.size_bytes is not None:
        _require_space(folder, file, file.size_bytes)
    part = folder / INCOMING / f"{file.sha256}.part"
    _fetch_part(part, file, hub)
    place.parent.mkdir(parents=True, exist_ok=True)
    part.replace(place)
    remember_digest(folder, place, file.sha256)


def _fetch_part(part: Path, file: WeightFile, hub: Hub) -> None:
    """Grow the part until it is whole: size and digest are the manifest's."""
    complaint = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            log.warning("%s; attempt %d of %d", complaint, attempt + 1, ATTEMPTS)
            time.sleep(PAUSE_S * attempt)
        try:
            _download(part, file, hub)
        except (EntryNotFoundError, RepositoryNotFoundError) as error:
            raise FetchFailed(
                f"{hub.url(file.hub_path)} is not there ({_first_line(error)}); accepted: a hub,"
                " revision and endpoint that have the files of weights/manifest.json"
            ) from error
        except (httpx.HTTPError, HfHubHTTPError, OSError) as error:
            complaint = f"{file.path}: {_first_line(error)}"
            continue
        found = sha256_of(part)
        if found == file.sha256:
            return
        complaint = f"{file.path}: expected SHA-256 {file.sha256}, received {found}"
        part.unlink()
    raise FetchFailed(
        f"{complaint}. Gave up after {ATTEMPTS} attempts; what came is kept in {part.parent} if it"
        " can be continued. Run the same command again, or choose another --endpoint"
    )


def _download(part: Path, file: WeightFile, hub: Hub) -> None:
    url = hub.url(file.hub_path)
    metadata = get_hf_file_metadata(url, token=False, endpoint=hub.endpoint)
    expected = metadata.size if file.size_bytes is None else file.size_bytes
    if expected is None or metadata.size != expected:
        raise OSError(f"{url} has {metadata.size} bytes, expected {file.size_bytes}")
    there = part.stat().st_size if part.exists() else 0
    if there > expected:
        part.unlink()
        there = 0
    with part.open("ab") as stream:
        http_get(
            metadata.location,
            stream,
            resume_size=there,
            headers={"Accept-Encoding": "identity"},
            expected_size=expected,
            displayed_filename=file.path.name,
        )


def _require_space(folder: Path, file: WeightFile, size_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size_bytes:
        raise FetchFailed(
            f"{file.path} needs {size_bytes / 1e6:.0f} MB; {folder} has {free / 1e6:.0f} MB free"
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
