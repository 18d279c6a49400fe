"""Seeing what the parts of a network give while the product runs it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def watched(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Any]]]:
    """What each module gives inside the block, call by call, by its name."""
    seen: dict[str, list[Any]] = {name: [] for name in modules}
    hooks = [
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: seen[name].append(output)
        )
        for name, module in modules.items()
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
