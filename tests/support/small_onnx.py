"""Small ONNX models, node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper


def model_of(nodes: Any, inputs: Any, outputs: Any, weights: Any = (), functions: Any = (), **more: Any) -> Any:
    """Return a model of float tensors; *inputs* and *outputs* map names to shapes."""
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()]
    yields = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()]
    graph = helper.make_graph(nodes, "g", given, yields, weights)
    imports = [helper.make_opsetid("", more.pop("opset", 21)), helper.make_opsetid("mine", 1)]
    imports.append(helper.make_opsetid("com.microsoft", 1))
    return helper.make_model(graph, functions=functions, opset_imports=imports)


def zeros(name: str, *shape: int) -> TensorProto:
    return onnx.numpy_helper.from_array(np.zeros(shape, np.float32), name)


def branch(name: str, nodes: Any, output: str, inputs: Any = ()) -> onnx.GraphProto:
    infos = [helper.make_tensor_value_info(n, k, s) for n, k, s in inputs]
    return helper.make_graph(nodes, name, infos, [helper.make_tensor_value_info(output, TensorProto.FLOAT, [2, 4])])
