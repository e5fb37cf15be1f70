"""Costs of an ONNX file that nobody knows are said to be unknown, with the reason; those that are known are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from ptgraph.graph.analysis import analyze
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.reading.read import graph_of_model
from ptgraph.onnx.reading.uncounted import BRANCHES, LOOP, NO_FORMULA, SHAPES, SIZES
from tests.support.small_onnx import branch, model_of, zeros

node = helper.make_node
MATMUL = node("MatMul", ["x", "w"], ["y"])


def reasons(graph: ModelGraph) -> dict[str, str]:
    found = {name: op["uncounted"] for name, op in graph.ops.nodes.items() if op["uncounted"]}
    assert analyze(graph).totals["uncounted_ops"] == len(found)
    return found


def read(nodes: Any, given: Any, *more: Any, output: Any = None) -> ModelGraph:
    return graph_of_model(model_of(nodes, {"x": given}, {"y": output}, [zeros("w", 4, 4), *more]), "m")


@pytest.mark.parametrize(
    ("nodes", "given", "found"),
    [
        ([MATMUL], [2, 4], {}),
        ([MATMUL], ["batch", 4], {}),
        ([MATMUL], [-1, 4], {"MatMul": SIZES}),
        ([MATMUL], None, {"MatMul": SHAPES}),
        ([node("Foo", ["x"], ["y"], domain="mine")], [2, 4], {"Foo": NO_FORMULA}),
        (
            [node("PackedMultiHeadAttention", ["x"], ["y"], domain="com.microsoft")],
            [2, 4],
            {"PackedMultiHeadAttention": NO_FORMULA},
        ),
        ([node("Relu", ["x"], ["h"]), node("NonZero", ["h"], ["y"])], [2, 4], {"NonZero": SIZES}),
        (
            [node("Foo", ["x"], ["h"], domain="mine"), node("MatMul", ["h", "w"], ["y"])],
            [2, 4],
            {"Foo": NO_FORMULA, "MatMul": SHAPES},
        ),
        (
            [node("SequenceConstruct", ["x"], ["s"]), node("ConcatFromSequence", ["s"], ["y"], axis=0)],
            [2, 4],
            {"ConcatFromSequence": SIZES},
        ),
    ],
    ids=str,
)
def test_an_operation_says_why_its_costs_are_not_known(nodes: Any, given: Any, found: dict[str, str]) -> None:
    assert reasons(read(nodes, given)) == found


def test_branches_that_differ_and_loops_say_so() -> None:
    products = [node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "w"], ["b"])]
    dear, cheap = branch("dear", products, "b"), branch("cheap", products[:1], "a")
    for other, found in ((cheap, {"If": BRANCHES}), (dear, {})):
        model = model_of(
            [node("If", ["c"], ["y"], then_branch=dear, else_branch=other)],
            {"x": [2, 4]},
            {"y": [2, 4]},
            [zeros("w", 4, 4)],
        )
        model.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
        graph = graph_of_model(model, "m")
        assert (reasons(graph), graph.component("").flops) == (found, 128)
    for product, found in ((products[0], {"Loop": LOOP}), (node("Relu", ["s"], ["a"]), {})):
        steps = [("i", TensorProto.INT64, []), ("k", TensorProto.BOOL, []), ("s", TensorProto.FLOAT, [2, 4])]
        body = branch("body", [node("Identity", ["k"], ["on"]), product], "a", steps)
        body.output.insert(0, helper.make_tensor_value_info("on", TensorProto.BOOL, []))
        count = numpy_helper.from_array(np.array(3), "n")
        assert reasons(read([node("Loop", ["n", "", "x"], ["y"], body=body)], [2, 4], count)) == found


def test_a_file_of_known_operators_and_sizes_has_all_costs() -> None:
    """Sizes of a reshape that ONNX infers, a sequence and a norm of ONNX Runtime are no reason."""
    nodes = [
        node("Shape", ["x"], ["n"]),
        node("Reshape", ["x", "n"], ["h"]),
        node("SkipSimplifiedLayerNormalization", ["h", "x", "g"], ["i"], domain="com.microsoft"),
        node("MatMul", ["i", "w"], ["y"]),
    ]
    assert reasons(read(nodes, ["batch", 4], zeros("g", 4))) == {}
