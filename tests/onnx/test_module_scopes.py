"""Nodes that a quantiser or an optimiser inserts belong to the module between whose nodes they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array
from onnxruntime.quantization import quantize_dynamic

from ptgraph.graph.view.build import view
from ptgraph.onnx.reading.read import graph_of_model


def layers(count: int = 3) -> onnx.ModelProto:
    """Return a file whose nodes have module paths for names: layers of two products each, and a residual connection."""
    rng = np.random.default_rng(0)
    nodes, weights = [], []
    for k in range(count):
        at = f"/layers.{k}"
        weights += [
            from_array(rng.random(shape, np.float32), f"{n}{k}") for n, shape in (("u", (8, 32)), ("d", (32, 8)))
        ]
        nodes += [
            helper.make_node("MatMul", [f"x{k}", f"u{k}"], [f"wide{k}"], f"{at}/mlp/up/MatMul"),
            helper.make_node("Relu", [f"wide{k}"], [f"relu{k}"], f"{at}/mlp/act/Relu"),
            helper.make_node("MatMul", [f"relu{k}", f"d{k}"], [f"narrow{k}"], f"{at}/mlp/down/MatMul"),
            helper.make_node("Add", [f"x{k}", f"narrow{k}"], [f"x{k + 1}"], f"{at}/Add"),
        ]
    ends = [helper.make_tensor_value_info(f"x{k}", TensorProto.FLOAT, [2, 8]) for k in (0, count)]
    graph = helper.make_graph(nodes, "layers", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    folder: Path = tmp_path_factory.mktemp("quantised")
    onnx.save(layers(), folder / "plain.onnx")
    quantize_dynamic(folder / "plain.onnx", folder / "quantised.onnx")
    return onnx.load(folder / "quantised.onnx")


def test_a_file_that_was_quantised_has_the_modules_that_it_had(quantised: onnx.ModelProto) -> None:
    inserted = [node for node in quantised.graph.node if "/" not in node.name]
    assert {node.op_type for node in inserted} == {"Cast", "DynamicQuantizeLinear"}
    plain, graph = graph_of_model(layers(), "plain"), graph_of_model(quantised, "quantised")
    assert [call.component for call in graph.calls.values()] == [call.component for call in plain.calls.values()]
    (fold,) = (box for box in view(graph).boxes.values() if box.repeat > 1)
    assert (fold.title, fold.repeat) == ("layers.0–2", 3)
    assert {op.scope for op in map(graph.op, graph.of_kind("op")) if op.target == "onnx.Cast"} == {
        f"layers.{k}.mlp.{name}" for k in range(3) for name in ("up", "down")
    }


def test_what_stands_between_two_modules_is_in_what_is_around_both() -> None:
    model = layers(2)
    at = {node.name: number for number, node in enumerate(model.graph.node)}
    first = at["/layers.0/mlp/act/Relu"]
    model.graph.node.insert(first + 1, helper.make_node("Neg", ["relu0"], ["neg0"], "inserted"))
    model.graph.node[at["/layers.0/mlp/down/MatMul"] + 1].input[0] = "neg0"
    model.graph.node.append(helper.make_node("Neg", ["x2"], ["last"], "another"))
    model.graph.output[0].name = "last"
    graph = graph_of_model(model, "g")
    assert [op.scope for op in map(graph.op, graph.of_kind("op")) if op.target == "onnx.Neg"] == ["layers.0.mlp", ""]
