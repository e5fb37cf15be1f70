"""Shapes and element types of an ONNX file: through branches, loops and scans, of sequences, and those nobody knows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

from ptgraph.formats.json import document
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.reading.read import graph_of_model
from ptgraph.onnx.reading.tensor_types import UNKNOWN_SHAPE, type_of
from tests.support.small_onnx import model_of, zeros

node = helper.make_node


def body(nodes: Any, inputs: list[onnx.ValueInfoProto], outputs: list[str]) -> onnx.GraphProto:
    """Return a body that says no shapes."""
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    return helper.make_graph(nodes, "body", inputs, results)


def info(name: str, code: int = TensorProto.FLOAT, shape: Any = None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, code, shape)


def shapes(graph: ModelGraph) -> dict[str, Any]:
    return {op["target"]: op["shape"] for op in graph.ops.nodes.values() if op["kind"] == "output"}


@pytest.mark.parametrize(("other", "shape"), [(16, (4, 16)), (8, (4, "?")), (None, ("…",))])
def test_a_branch_yields_what_both_have_in_common(other: int | None, shape: Any) -> None:
    """The dearer branch counts 4·8·16 products, and what reads the result 4·16·32 if it has 16 columns for sure."""
    then = body([node("MatMul", ["x", "w"], ["a"])], [], ["a"])
    last = node("MatMul", ["x", "v"], ["b"]) if other else node("ReduceSum", ["x"], ["b"], keepdims=0)
    choose = node("If", ["c"], ["u"], then_branch=then, else_branch=body([last], [], ["b"]))
    weights = [zeros("w", 8, 16), zeros("v", 8, other or 1), zeros("q", 16, 32)]
    model = model_of([choose, node("MatMul", ["u", "q"], ["y"])], {"x": [4, 8]}, {"y": None, "u": None}, weights)
    model.graph.input.append(info("c", TensorProto.BOOL, []))
    graph = graph_of_model(model, "m")
    assert shapes(graph)["u"] == shape
    assert shapes(graph)["y"] == ((4, 32) if other else ("…",))
    if other == 16:
        assert graph.component("").flops == 2 * 4 * 16 * (8 + 32)


def test_a_loop_yields_its_state_and_stacks_the_rest() -> None:
    given = [info("i", TensorProto.INT64, []), info("k", TensorProto.BOOL, []), info("s"), info("t")]
    nodes = [
        node("Identity", ["k"], ["on"]),
        node("MatMul", ["s", "w"], ["s2"]),
        node("Concat", ["t", "x"], ["t2"], axis=0),
        node("ReduceSum", ["s2", "axes"], ["r"], keepdims=0),
    ]
    loop = node("Loop", ["n", "", "x", "x"], ["a", "b", "c"], body=body(nodes, given, ["on", "s2", "t2", "r"]))
    n, axes = (numpy_helper.from_array(np.array(value), name) for name, value in (("n", 3), ("axes", [1])))
    model = model_of([loop], {"x": [2, 4]}, {"a": None, "b": None, "c": None}, [zeros("w", 4, 4), n, axes])
    graph = graph_of_model(model, "m")
    assert shapes(graph) == {"a": (2, 4), "b": ("?", 4), "c": ("?", 2)}
    assert graph.component("").flops == 2 * 2 * 4 * 4


def test_a_scan_slices_what_is_computed_before_it_and_stacks_what_it_yields() -> None:
    nodes = [node("Add", ["s", "e"], ["s2"]), node("MatMul", ["s2", "w"], ["z"])]
    scan = node(
        "Scan",
        ["r", "h"],
        ["q", "u"],
        num_scan_inputs=1,
        scan_input_axes=[1],
        body=body(nodes, [info("s"), info("e")], ["s2", "z"]),
    )
    first = [node("Relu", ["x"], ["h"]), node("Gather", ["h", "zero"], ["r"], axis=1)]
    weights = [zeros("w", 8, 16), zeros("v", 16, 32), numpy_helper.from_array(np.array(0), "zero")]
    model = model_of(
        [*first, scan, node("MatMul", ["u", "v"], ["y"])], {"x": ["B", 5, 8]}, {"y": None, "q": None}, weights
    )
    graph = graph_of_model(model, "m")
    assert shapes(graph) == {"y": (5, "B", 32), "q": ("B", 8)}
    assert graph.component("").flops == 2 * 5 * 16 * (8 + 32)


@pytest.mark.parametrize("operator", ["If", "Loop", "Scan", "SequenceMap", "Optional"])
def test_what_is_read_of_a_result_contradicts_none(operator: str) -> None:
    """The results are those of the tests of ONNX; the files do not say their shapes any more."""
    cases = [case for case in collect_testcases(operator) if case.model is not None and case.data_sets]
    assert cases
    for case in cases:
        model = case.model
        assert model is not None and case.data_sets is not None
        for output in model.graph.output:
            output.type.tensor_type.shape.ClearField("dim") if output.type.HasField("tensor_type") else None
            output.type.tensor_type.ClearField("shape") if output.type.HasField("tensor_type") else None
        read = shapes(graph_of_model(model, "m"))
        for output, result in zip(model.graph.output, case.data_sets[0][1], strict=False):
            shape = read[output.name]
            if isinstance(result, np.ndarray) and shape != UNKNOWN_SHAPE:
                assert len(shape) == result.ndim, (case.name, shape, result.shape)
                assert all(s == own for s, own in zip(shape, result.shape, strict=True) if isinstance(s, int)), (
                    case.name
                )


def test_a_sequence_says_the_whole_type_of_its_elements() -> None:
    sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["N", 8]))
    assert type_of(sequence) == (("…",), "sequence of N×8 float32")
    assert type_of(helper.make_optional_type_proto(sequence)) == (("…",), "optional of sequence of N×8 float32")
    unknown = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.INT64, None))
    assert type_of(unknown) == (("…",), "sequence of int64")
    mapping = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [3]))
    assert type_of(mapping) == (("…",), "map of string to float32")
    nodes = [node("SequenceConstruct", ["x", "x"], ["s"]), node("SequenceInsert", ["s", "x"], ["t"])]
    graph = graph_of_model(
        model_of([*nodes, node("ConcatFromSequence", ["t"], ["y"], axis=0)], {"x": ["N", 8]}, {"y": None}), "m"
    )
    assert graph.op("SequenceInsert").dtype == "sequence of N×8 float32"


def test_negative_sizes_are_sizes_that_nobody_knows() -> None:
    """Costs are those of one unit, as with all sizes that vary; no number is negative."""
    nodes = [node("Conv", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    counts = []
    for batch in (-1, "N"):
        model = model_of(nodes, {"x": [batch, 3, 32, 32]}, {"y": [batch, 8, 30, 30]}, [zeros("w", 8, 3, 3, 3)])
        model.graph.value_info.append(info("h", shape=[batch, 8, 30, 30]))
        graph = graph_of_model(model, "m")
        root = graph.component("")
        counts.append((root.flops, root.activation_bytes))
        assert "-1" not in json.dumps(document(graph))
        assert graph.op("Conv").shape == ("?" if batch == -1 else "N", 8, 30, 30)
    assert counts[0] == counts[1] == (388_800, 2 * 28_800)


def test_calls_of_a_function_with_branches_are_calls_of_one_module() -> None:
    then, other = (body([node(name, ["x"], ["r"])], [], ["r"]) for name in ("Relu", "Neg"))
    inner = [node("If", ["c"], ["h"], then_branch=then, else_branch=other)]
    inner.append(node("If", ["c"], ["y"], then_branch=then, else_branch=other))
    function = helper.make_function("mine", "F", ["x", "c"], ["y"], inner, [helper.make_opsetid("", 21)])
    calls = [node("F", ["x", "c"], ["h"], domain="mine"), node("F", ["h", "c"], ["y"], domain="mine")]
    model = model_of(calls, {"x": ["N", 8]}, {"y": ["N", 8]}, functions=[function])
    model.graph.input.append(info("c", TensorProto.BOOL, []))
    graph = graph_of_model(model, "m")
    assert {path: graph.component(path).calls for path in graph.components if path.count(".") < 2} == {
        "": 1,
        "F": 2,
        "F.If": 2,
        "F.If_1": 2,
    }
    assert graph.blocks["F"] == graph.blocks["F@1"]
