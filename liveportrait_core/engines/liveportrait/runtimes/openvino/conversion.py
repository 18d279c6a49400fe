"""A graph becomes OpenVINO's own form, two files on disk.

Runs no network: torch exports it as it is written.
"""

import warnings
from pathlib import Path

import torch

from liveportrait_core.engines.liveportrait.runtimes.openvino.graphs import Graph


def convert(graph: Graph, folder: Path) -> None:
    """Write `<name>.xml` and `<name>.bin`, float32, for the graph's shapes alone."""
    import openvino

    inputs = tuple(torch.zeros(shape) for shape in graph.shapes)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch about itself
        exported = torch.export.export(graph.module.eval(), inputs)
        model = openvino.convert_model(exported)
    shapes = [openvino.PartialShape(list(shape)) for shape in graph.shapes]
    model.reshape(dict(enumerate(shapes)))
    openvino.save_model(model, ir_path(folder, graph.name), compress_to_fp16=False)


def ir_path(folder: Path, name: str) -> Path:
    """Return where a graph's structure lies; its numbers lie beside it."""
    return folder / f"{name}.xml"
