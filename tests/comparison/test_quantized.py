"""A model and what a quantizer made of it: quantized parts are said, and what computes with them is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import quantize_dynamic
from torch import nn

from ptgraph import trace
from ptgraph.comparison.diff import compare
from ptgraph.onnx.reading.read import read_target


def perceptron(file: Path) -> None:
    """Write two linear layers, with the names that exporters give them."""
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    random = np.random.default_rng(0)
    sizes = {"up.weight": (16, 32), "up.bias": (32,), "down.weight": (32, 4), "down.bias": (4,)}
    weights = {name: random.random(size, np.float32) for name, size in sizes.items()}
    nodes = [
        node("MatMul", ["x", "up.weight"], ["a"], "/up/MatMul"),
        node("Add", ["a", "up.bias"], ["b"], "/up/Add"),
        node("Relu", ["b"], ["c"], "/act/Relu"),
        node("MatMul", ["c", "down.weight"], ["d"], "/down/MatMul"),
        node("Add", ["d", "down.bias"], ["y"], "/down/Add"),
    ]
    held = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    ends = [value("x", onnx.TensorProto.FLOAT, (2, 16))], [value("y", onnx.TensorProto.FLOAT, (2, 4))]
    graph = onnx.helper.make_graph(nodes, "perceptron", *ends, held)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9), file)


def test_layers_that_are_quantized(tmp_path: Path) -> None:
    before, after = tmp_path / "perceptron.onnx", tmp_path / "quantized.onnx"
    perceptron(before)
    quantize_dynamic(before, after)
    found = compare(read_target(before, [], None), read_target(after, [], None))
    said = [(change.title, line) for change in found.changes for line in change.what if line[0] == "quantized"]
    assert said == [("up", ("quantized", "float32", "int8")), ("down", ("quantized", "float32", "int8"))]
    assert found.summary["quantized"] == 2
    assert not any("MatMulInteger" in change.title for change in found.changes)


def test_another_float_type_is_not_quantized() -> None:
    found = compare(*(trace(nn.Linear(4, 4, dtype=t), torch.ones(2, 4, dtype=t)) for t in (torch.float32, torch.half)))
    assert found.changes and "quantized" not in found.summary
