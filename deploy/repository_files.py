"""What a deployment takes from this tree: files, the images' digest, the engine's version."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from deploy.errors import InvalidSetting
from deploy.plan import RepositoryFiles
from deploy.resources.data_protection.steps import DataConfig
from deploy.resources.monitoring import MonitoringConfig, MonitoringFile
from liveportrait_core import Engine, RenderError
from liveportrait_core.engines.choice import EngineConfig, engine_identity, planned_identity

# The files that the Dockerfile copies, after .gcloudignore.
_IMAGE_FILES = (
    ".dockerignore",
    ".gcloudignore",
    "Dockerfile",
    "locks/gate.txt",
    "locks/packages.txt",
    "locks/torch.txt",
    "requirements.txt",
    "weights/README.md",
    "weights/manifest.json",
    "web/__init__.py",
    "web/errors.py",
    "web/generation.py",
)
_IMAGE_FOLDERS = ("functions", "liveportrait_core", "web/cloud", "web/jobs")
_API_FILES = (".dockerignore", ".gcloudignore", "Dockerfile", "locks/api.txt")
_API_FOLDERS = ("liveportrait_core", "web")
_NOT_IN_IMAGE = ("functions/rules/", "web/studio/")


def read(root: Path) -> RepositoryFiles:
    """Read the files under `root`.

    Raises:
        InvalidSetting: a file of deploy/monitoring/ is not accepted by its API.
    """
    rules = root / "functions/rules"
    indexes = json.loads((root / "firestore.indexes.json").read_text("utf-8"))
    overrides = indexes["fieldOverrides"]
    monitoring = root / "deploy/monitoring"
    return RepositoryFiles(
        ignore=(root / ".gcloudignore").read_text("utf-8"),
        data=DataConfig(
            firestore_rules=(rules / "firestore.rules").read_text("utf-8"),
            storage_rules=(rules / "storage.rules").read_text("utf-8"),
            cors=tuple(json.loads((root / "deploy/cors.json").read_text("utf-8"))),
            lifecycle=tuple(
                json.loads((root / "deploy/lifecycle.json").read_text("utf-8"))["rule"]
            ),
            expiries=_fields(overrides, lambda entry: entry.get("ttl") is True),
            exemptions=_fields(overrides, lambda entry: entry["indexes"] == []),
        ),
        monitoring=MonitoringConfig(
            metrics=_files(monitoring / "metrics", ("filter",)),
            policies=_files(monitoring / "policies", ("displayName", "conditions")),
            dashboards=_files(monitoring / "dashboards", ("displayName",)),
        ),
    )


def engine_version(engine: str, precision: str, weights: Path | None) -> str:
    """Return the version of what will render, as this tree's renderer names itself.

    Args:
        engine: `liveportrait` or `mesh`.
        precision: of the networks.
        weights: the folder whose files are to be used; None: those that `make weights` brings.

    Raises:
        InvalidSetting: files are missing, or the libraries of the engine.
    """
    config = EngineConfig(precision=precision)
    try:
        if weights is None:
            return planned_identity(Engine(engine), config).engine_version
        return engine_identity(engine, weights, config).engine_version
    except (PackageNotFoundError, RenderError) as fault:
        raise InvalidSetting(
            f"engine-version cannot be told: {fault}; accepted: the environment that `make "
            "install` makes, with the weights that are to be used, or --engine-version"
        ) from fault


def _fields(
    overrides: Sequence[Mapping[str, Any]], is_meant: Callable[[Mapping[str, Any]], bool]
) -> tuple[tuple[str, str], ...]:
    """Return collection group and field of the overrides that are meant."""
    return tuple(
        (entry["collectionGroup"], entry["fieldPath"]) for entry in overrides if is_meant(entry)
    )


def image_tag(root: Path, *extra: str) -> str:
    """Return the digest of the files and of the build arguments of what events and tasks reach.

    Args:
        root: the repository's.
        extra: the build's arguments.

    Returns:
        16 hex digits.
    """
    return _digest(root, _image_paths(root, _IMAGE_FILES, _IMAGE_FOLDERS), *extra)


def api_tag(root: Path) -> str:
    """Return the digest of the files of the HTTP API's image, likewise."""
    return _digest(root, _image_paths(root, _API_FILES, _API_FOLDERS))


def _digest(root: Path, paths: Iterator[Path], *extra: str) -> str:
    digest = hashlib.sha256("\0".join(extra).encode())
    for path in paths:
        name = path.relative_to(root).as_posix()
        digest.update(f"\0{name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _image_paths(root: Path, files: tuple[str, ...], folders: tuple[str, ...]) -> Iterator[Path]:
    yield from (root / name for name in files)
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and "__pycache__" not in name and not name.startswith(_NOT_IN_IMAGE):
                yield path


def _files(folder: Path, keys: tuple[str, ...]) -> tuple[MonitoringFile, ...]:
    files = []
    for path in sorted(folder.glob("*.json")):
        body = json.loads(path.read_text("utf-8"))
        for key in keys:
            if key not in body:
                raise InvalidSetting(f"{path} has no {key!r}; accepted: the body of Google's API")
        files.append(MonitoringFile(name=path.stem, body=body))
    return tuple(files)
