"""The images' bills of materials, as CycloneDX 1.6: of lock files, Dockerfile and weights' list.

The same inputs give the same bytes: no time, and a serial number that follows from the content.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import imageio_ffmpeg

from liveportrait_core import __version__
from liveportrait_core.weights.manifest import Manifest, choose_files, read_manifest
from supply.licences import licence_of
from supply.locks import API, GATE, IMAGE, Pin, lock_path, read_lock

_ARGUMENT = re.compile(r"^ARG (\w+)=(\S+)$", re.MULTILINE)
_BASE = re.compile(
    r"^FROM (?P<name>[a-z][a-z/]*):(?P<tag>[\w.-]+)@(?P<digest>sha256:[0-9a-f]{64})", re.MULTILINE
)
_BASE_LICENCES: Final = {
    "python": "Python and Debian packages, each under its own licence: /usr/share/doc in the image",
    "nvidia/cuda": "NVIDIA Deep Learning Container License",
}
RENDERER: Final = "avatar-idle"
GATE_IMAGE, API_IMAGE = "avatar-idle-gate", "avatar-idle-api"
IMAGES: Final = {RENDERER: ("packages", "torch"), GATE_IMAGE: (GATE,), API_IMAGE: (API,)}
"""Each image with its lock files."""


def bill_of_materials(root: Path, image: str = RENDERER) -> dict[str, Any]:
    """Return the bill of an image that a repository's files describe.

    Args:
        root: of the repository.
        image: one of `IMAGES`; `RENDERER` alone has weights.

    Raises:
        LicenceUnknown: of a package.
    """
    dockerfile = (root / "Dockerfile").read_text("utf-8")
    bases, pins = _bases(dockerfile), image_pins(root, image)
    components = [*_packages(pins)]
    if any(pin.name == "imageio-ffmpeg" for pin in pins):
        components += _ffmpeg()
    if image == RENDERER:
        components += (*bases, *_weights(read_manifest(root / "weights")))
    else:
        components += (each for each in bases if each["name"] == "python")
    itself = {
        "type": "application",
        "bom-ref": image,
        "name": image,
        "version": __version__,
        "licenses": [{"expression": "MIT"}],
    }
    refs = [component["bom-ref"] for component in components]
    content = json.dumps([itself, components], sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}",
        "version": 1,
        "metadata": {"component": itself},
        "components": components,
        "dependencies": [
            {"ref": image, "dependsOn": refs}, *({"ref": ref, "dependsOn": []} for ref in refs)
        ],
    }  # fmt: skip


def image_pins(root: Path, image: str = RENDERER) -> tuple[Pin, ...]:
    """Return the packages that are in an image."""
    pins = (pin for lock in IMAGES[image] for pin in read_lock(lock_path(root, lock)))
    return tuple(pin for pin in pins if pin.applies(IMAGE))


def licence_table(bill: dict[str, Any]) -> str:
    """Return what a bill says of licences as text: a licence, and what is under it."""
    by_licence: dict[str, list[str]] = {}
    for component in bill["components"]:
        (licence,) = component["licenses"]
        words = licence.get("expression") or licence["license"]["name"]
        by_licence.setdefault(words, []).append(f"{component['name']} {component['version']}")
    parts = (
        f"{licence}\n" + "".join(f"    {name}\n" for name in sorted(names))
        for licence, names in sorted(by_licence.items())
    )
    return "\n".join(parts)


def _packages(pins: Iterable[Pin]) -> Iterator[dict[str, Any]]:
    for pin in pins:
        purl = f"pkg:pypi/{pin.name}@{pin.version}"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": pin.name,
            "version": pin.version,
            "purl": purl,
            "licenses": [{"expression": licence_of(pin.name)}],
            # One of them is the file that was installed.
            "hashes": [_hash(value) for value in pin.hashes],
        }


def _ffmpeg() -> Iterator[dict[str, Any]]:
    version = imageio_ffmpeg.get_ffmpeg_version()
    yield {
        "type": "application",
        "bom-ref": f"ffmpeg@{version}",
        "name": "ffmpeg",
        "version": version,
        # Its own -buildconf names --enable-gpl and --enable-version3.
        "description": "With x264, static, inside imageio-ffmpeg; run as a process of its own.",
        "licenses": [{"expression": "GPL-3.0-or-later"}],
    }


def _bases(dockerfile: str) -> Iterator[dict[str, Any]]:
    for name, value in _ARGUMENT.findall(dockerfile):
        dockerfile = dockerfile.replace(f"${{{name}}}", value)
    for match in {found["name"]: found for found in _BASE.finditer(dockerfile)}.values():
        yield {
            "type": "container",
            "bom-ref": f"{match['name']}@{match['digest']}",
            "name": match["name"],
            "version": f"{match['tag']}@{match['digest']}",
            "licenses": [{"license": {"name": _BASE_LICENCES[match["name"]]}}],
            "hashes": [_hash(match["digest"])],
        }


def _weights(manifest: Manifest) -> Iterator[dict[str, Any]]:
    licences = {file: each.licence for each in manifest.sets for file in each.files}
    for wanted in choose_files(manifest):
        path = wanted.file.path.as_posix()
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"weights/{path}",
            "name": path,
            "version": wanted.revision,
            "licenses": [{"license": {"name": licences[wanted.file]}}],
            "hashes": [_hash(f"sha256:{wanted.file.sha256}")],
        }


def _hash(value: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": value.removeprefix("sha256:")}
