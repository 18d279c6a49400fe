"""ONNX files on onnxruntime: opening one, and saying loudly where it really runs.

onnxruntime falls back to the CPU without raising when the provider asked for cannot start: a render
would be right and many times too slow, without a message. So what was asked for is compared
with what is there, once, at start. Knows nothing of faces.
"""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from liveportrait_core.errors import EngineUnavailable

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"
_CPU_THREADS = 4

_log = logging.getLogger(__name__)


class Session(Protocol):
    """What is used of an `onnxruntime.InferenceSession`; also of the one insightface makes."""

    def get_providers(self) -> list[str]:
        """Return the providers it really runs on, preferred first."""

    def get_inputs(self) -> Sequence[Any]:
        """Return the inputs, each with `name`, `shape` and `type`."""

    def get_outputs(self) -> Sequence[Any]:
        """Return the outputs, likewise."""

    def run(self, names: Sequence[str] | None, inputs: dict[str, Any]) -> list[Any]:
        """Run the graph once."""


@dataclass(frozen=True, kw_only=True)
class ProviderReport:
    """Which execution provider a session was asked to use, and which it uses."""

    file: str
    asked: str
    there: str

    @property
    def as_asked(self) -> bool:
        """Whether the two agree."""
        return self.asked == self.there

    def __str__(self) -> str:
        if self.as_asked:
            return f"{self.file} runs on {self.there}, as asked"
        return (
            f"{self.file} was to run on {self.asked} but runs on {self.there}, which is slower. "
            "Check the driver, and that onnxruntime-gpu is installed and onnxruntime is not."
        )


def open_session(path: Path, *, provider: str) -> Session:
    """Load an ONNX file.

    Args:
        path: the file.
        provider: the execution provider wanted first, for example "CUDAExecutionProvider"; the CPU
            stands behind it.

    Raises:
        EngineUnavailable: the file is missing, or onnxruntime cannot read it.
    """
    require_file(path)
    try:
        return _session(str(path), provider)
    except Exception as error:  # onnxruntime's own tree has no public root
        raise EngineUnavailable(f"onnxruntime cannot load {path}: {error}") from error


def one_node_provider(wanted: str) -> str:
    """Run a graph of one node and return the provider it really runs on.

    Raises:
        EngineUnavailable: onnxruntime runs nothing at all here.
    """
    from onnx import TensorProto, helper

    number = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("a", "b")]
    node = helper.make_node("Identity", ["a"], ["b"])
    graph = helper.make_graph([node], "one node", number[:1], number[1:])
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, ir_version=8, opset_imports=opsets)
    try:
        return _session(model.SerializeToString(), wanted).get_providers()[0]
    except Exception as error:
        raise EngineUnavailable(f"onnxruntime runs no graph of one node: {error}") from error


def _session(model: str | bytes, provider: str) -> Session:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = _CPU_THREADS
    with stdout_to_log():
        if provider == CUDA_PROVIDER:
            onnxruntime.preload_dlls()  # finds the CUDA libraries that came with torch
        return onnxruntime.InferenceSession(
            model, sess_options=settings, providers=provider_list(provider)
        )


def require_file(path: Path) -> None:
    """Refuse a missing file by name.

    Raises:
        EngineUnavailable: there is no such file.
    """
    if not path.is_file():
        raise EngineUnavailable(
            f"{path} is missing; `python -m liveportrait_core weights list` says what belongs there"
        )


def provider_list(provider: str) -> list[str]:
    """Return the wanted provider, with the CPU behind it."""
    return [provider] if provider == CPU_PROVIDER else [provider, CPU_PROVIDER]


def report_provider(session: Session, path: Path, *, asked: str) -> ProviderReport:
    """Compare, and log one line: a warning where they differ."""
    there = session.get_providers()[0]
    report = ProviderReport(file=path.name, asked=asked, there=there)
    _log.log(logging.INFO if report.as_asked else logging.WARNING, "%s", report)
    return report


@contextmanager
def stdout_to_log() -> Iterator[None]:
    """Send what libraries print while they load to the log: standard output is the caller's."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        yield
    for line in printed.getvalue().splitlines():
        _log.info("%s", line)
