"""What an engine depends on, as installed: read once at the start, for one log line.

Asks the driver and the installed packages, and lets a graph of one node show where onnxruntime
really runs. Judges nothing; `check` does.
"""

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from liveportrait_core.diagnostics.driver import Driver, Version, read_driver
from liveportrait_core.face.session import CPU_PROVIDER, CUDA_PROVIDER, one_node_provider
from liveportrait_core.media.network_denial import why_not_denied
from liveportrait_core.options import Engine
from liveportrait_core.weights.digests import present_form
from liveportrait_core.weights.manifest import REQUIRED_CHECKPOINTS, read_manifest

_LIBRARIES = ("numpy", "opencv-python-headless", "scipy", "mediapipe", "insightface")
_ONNXRUNTIMES = ("onnxruntime", "onnxruntime-gpu")


@dataclass(frozen=True, kw_only=True)
class Torch:
    """The torch that is installed."""

    version: str
    cuda: Version | None  # that it was built for; None: a CPU build
    devices: int  # CUDA devices that it can use


@dataclass(frozen=True, kw_only=True)
class OnnxRuntime:
    """The onnxruntime that is imported."""

    version: str
    installed: tuple[str, ...]  # distributions: more than one, and the files are a mixture
    cuda: Version | None  # that it was built for; None: a CPU build
    runs_on: str  # the provider that a session gets which asks for the best one


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Everything below an engine. The mesh engine stands on neither torch nor onnxruntime."""

    engine: Engine
    python: str
    driver: Driver
    torch: Torch | None
    onnxruntime: OnnxRuntime | None
    libraries: tuple[tuple[str, str], ...]  # what touches pixels: name and version
    weights: str | None  # 12 hex digits over the manifest's digests; None: none used
    network_fault: str = ""  # why decoders of what strangers sent can reach the network; "": none


def inspect(engine: Engine, weights: Path) -> Stack:
    """Look around. Imports torch and onnxruntime for the engine that uses them, and wakes CUDA.

    Raises:
        EngineUnavailable: the weights' manifest is not of this version.
    """
    uses_networks = engine is Engine.LIVEPORTRAIT
    driver = read_driver()
    return Stack(
        engine=engine,
        python=platform.python_version(),
        driver=driver,
        torch=_torch() if uses_networks else None,
        onnxruntime=_onnxruntime(driver) if uses_networks else None,
        libraries=tuple((name, found) for name in _LIBRARIES if (found := _version(name))),
        weights=_weights(weights) if uses_networks else None,
        network_fault=why_not_denied(),
    )


def _torch() -> Torch:
    import torch

    return Torch(
        version=torch.__version__,
        cuda=_parse(torch.version.cuda),
        devices=torch.cuda.device_count(),
    )


def _onnxruntime(driver: Driver) -> OnnxRuntime:
    import onnxruntime

    providers: Sequence[str] = onnxruntime.get_available_providers()
    wanted = CUDA_PROVIDER if driver.gpus and CUDA_PROVIDER in providers else CPU_PROVIDER
    return OnnxRuntime(
        version=onnxruntime.__version__,
        installed=tuple(name for name in _ONNXRUNTIMES if _version(name)),
        cuda=_parse(getattr(onnxruntime, "cuda_version", None)),
        runs_on=one_node_provider(wanted),
    )


def _weights(folder: Path) -> str | None:
    manifest = read_manifest(folder)
    forms = [present_form(folder, manifest, checkpoint) for checkpoint in REQUIRED_CHECKPOINTS]
    listed = "\n".join(f"{form.path} {form.sha256}" for form in forms if form)
    if not listed:
        return None
    return hashlib.sha256(listed.encode()).hexdigest()[:12]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _parse(text: str | None) -> Version | None:
    """`13.0` → (13, 0); onnxruntime's CPU build says nothing, or an empty string."""
    if not text:
        return None
    major, _, minor = text.partition(".")
    return int(major), int(minor.partition(".")[0] or 0)
