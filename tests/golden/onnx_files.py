"""Small ONNX files whose answer is known: they stand in for weights that nobody may ship.

The real onnxruntime runs them, so everything around the network is the real thing.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str]


def write_constant_network(
    path: Path, *, inputs: Shape, outputs: Sequence[NDArray[np.float32]], nodes: Sequence[str] = ()
) -> Path:
    """Write a network that gives the same arrays whatever it is shown.

    Args:
        path: the file.
        inputs: shape of its one input; a string is a dimension left open.
        outputs: what it answers.
        nodes: names of further nodes at its head, which compute nothing that is used.
    """
    head = [
        helper.make_node("Identity", ["input"], [f"head{i}"], name=name)
        for i, name in enumerate(nodes)
    ]
    answers = [
        helper.make_node(
            "Constant", [], [f"output{i}"], value=numpy_helper.from_array(array), name=f"answer{i}"
        )
        for i, array in enumerate(outputs)
    ]
    graph = helper.make_graph(
        head + answers,
        "constant",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, list(inputs))],
        [
            helper.make_tensor_value_info(f"output{i}", TensorProto.FLOAT, array.shape)
            for i, array in enumerate(outputs)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path
