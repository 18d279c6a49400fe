"""CUDA graphs: the kernels of a computation recorded once, and started again as one.

A graph works on the memory it was recorded with: inputs are copied into it, outputs out of it.
"""

from collections.abc import Callable

import torch
from torch import Tensor

_PASSES_BEFORE = 2  # in which libraries choose their kernels and take their work space


class RecordedGraph:
    """One computation, for tensors of the sizes it was recorded with."""

    def __init__(self, compute: Callable[..., Tensor], *inputs: Tensor) -> None:
        """Run it, then record it.

        Raises:
            RuntimeError: the driver refuses; a kernel cannot be recorded; the memory is too small.
        """
        self._inputs = [value.clone() for value in inputs]
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._inputs[0].device):
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_PASSES_BEFORE):
                    compute(*self._inputs)
            torch.cuda.current_stream().wait_stream(aside)
            with torch.cuda.graph(self._graph):
                self._output = compute(*self._inputs)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Compute with these numbers."""
        with torch.cuda.device(self._output.device):
            for held, given in zip(self._inputs, inputs, strict=True):
                held.copy_(given, non_blocking=True)
            self._graph.replay()
            return self._output.clone()
