"""Operators of ONNX Runtime (``com.microsoft``) in an ONNX file: shapes as it yields them, parameters, FLOPs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from ptgraph.onnx.reading.contrib_flops import contrib_flops
from ptgraph.onnx.reading.read import graph_of_model
from tests.support.small_onnx import model_of, zeros

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return RANDOM.integers(0, 9, shape).astype(dtype)


ONE, ZERO = np.float32(1), np.uint8(0)
S = {"s": ONE, "z": ZERO}  # a scale and a zero point


@dataclass
class Case:
    """One node: what it is given, its weights, and what must be read. A name that is neither is a left-out input."""

    operator: str
    reads: str
    given: dict[str, Any]
    weights: dict[str, Any] = field(default_factory=dict)
    params: int = 0
    flops: int = 0
    yields: str = "y"
    shape: tuple[int, ...] = ()  # of the first result, where ONNX Runtime has the operator for other devices only
    attributes: dict[str, Any] = field(default_factory=dict)


GQA = {"num_heads": 4, "kv_num_heads": 2}
LENGTHS = {"l": np.array([4, 4], np.int32), "t": np.array(5, np.int32)}
CASES = [
    Case("FusedMatMul", "x w", {"x": floats(2, 3, 4)}, {"w": floats(4, 5)}, 20, 240),
    Case(
        "FusedMatMul",
        "x w",
        {"x": floats(2, 4, 3)},
        {"w": floats(5, 4)},
        20,
        240,
        attributes={"transA": 1, "transB": 1},
    ),
    Case(
        "FusedGemm",
        "x w b",
        {"x": floats(3, 4)},
        {"w": floats(5, 4), "b": floats(5)},
        25,
        120,
        attributes={"transB": 1, "activation": "Relu"},
    ),
    Case(
        "FusedConv",
        "x w b",
        {"x": floats(1, 3, 8, 8)},
        {"w": floats(6, 3, 3, 3), "b": floats(6)},
        168,
        2 * 6 * 36 * 27,
        attributes={"activation": "Relu", "kernel_shape": [3, 3]},
    ),
    Case(
        "MatMulNBits",
        "x w s",
        {"x": floats(2, 3, 64)},
        {"w": ints(10, 2, 16), "s": floats(20)},
        640,
        2 * 2 * 3 * 64 * 10,
        attributes={"K": 64, "N": 10, "bits": 4, "block_size": 32},
    ),
    Case(
        "MatMulNBits",
        "x w s z - b",
        {"x": floats(3, 64)},
        {"w": ints(10, 2, 16), "s": floats(20), "z": ints(10), "b": floats(10)},
        650,
        2 * 3 * 64 * 10,
        attributes={"K": 64, "N": 10, "bits": 4, "block_size": 32},
    ),
    Case("DynamicQuantizeMatMul", "x w s z b", {"x": floats(2, 3, 4)}, {"w": ints(4, 5), **S, "b": floats(5)}, 25, 240),
    Case(
        "MatMulIntegerToFloat",
        "x w s s2 z z2",
        {"x": ints(2, 3, 4)},
        {"w": ints(4, 5), **S, "s2": floats(5), "z2": ints(5)},
        20,
        240,
    ),
    Case(
        "QGemm",
        "x s z w s2 z2 b",
        {"x": ints(3, 4)},
        {"w": ints(5, 4), **S, "s2": floats(5), "z2": ints(5), "b": ints(5, dtype=np.int32)},
        25,
        120,
        attributes={"transB": 1},
    ),
    Case("QGemm", "x s z w s z - s z", {"x": ints(3, 4)}, {"w": ints(4, 5), **S}, 20, 120),
    Case("QLinearAdd", "x s z w s z s z", {"x": ints(3, 4)}, {"w": ints(4), **S}, 4),
    Case("QLinearConcat", "s z x s z x s z", {"x": ints(3, 4)}, S, attributes={"axis": 1}),
    Case("QLinearSigmoid", "x s z s z", {"x": ints(3, 4)}, S),
    Case("QLinearGlobalAveragePool", "x s z s z", {"x": ints(1, 3, 4, 4)}, S),
    Case("QLinearAveragePool", "x s z s z", {"x": ints(1, 3, 4, 4)}, S, attributes={"kernel_shape": [2, 2]}),
    Case(
        "QLinearConv",
        "x s z w s z s z",
        {"x": ints(1, 8, 8, 3)},
        {"w": ints(6, 3, 3, 3), **S},
        162,
        2 * 6 * 36 * 27,
        attributes={"kernel_shape": [3, 3], "channels_last": 1},
    ),
    Case(
        "GatherBlockQuantized",
        "w i s",
        {"i": ints(2, 3, dtype=np.int64)},
        {"w": ints(10, 32), "s": floats(10, 2)},
        640,
        attributes={"block_size": 32, "gather_axis": 0, "quantize_axis": 1},
    ),
    Case(
        "Attention",
        "x w b",
        {"x": floats(2, 5, 8)},
        {"w": floats(8, 24), "b": floats(24)},
        216,
        2 * 2 * 5 * (8 * 24 + 5 * 16),
        attributes={"num_heads": 2},
    ),
    Case(
        "Attention",
        "x w b",
        {"x": floats(2, 5, 8)},
        {"w": floats(8, 20), "b": floats(20)},
        180,
        2 * 2 * 5 * (8 * 20 + 5 * 12),
        attributes={"num_heads": 2, "qkv_hidden_sizes": [8, 8, 4]},
    ),
    Case(
        "QAttention",
        "x w b s s - z z",
        {"x": ints(2, 5, 8)},
        {"w": ints(8, 24), "b": floats(24), **S},
        216,
        2 * 2 * 5 * (8 * 24 + 5 * 16),
        attributes={"num_heads": 2},
    ),
    Case(
        "MultiHeadAttention",
        "q k v b",
        {"q": floats(2, 5, 8), "k": floats(2, 7, 8), "v": floats(2, 7, 8)},
        {"b": floats(24)},
        24,
        2 * 2 * 5 * 7 * 16,
        attributes={"num_heads": 2},
    ),
    Case(
        "MultiHeadAttention",
        "q k v",
        {"q": floats(2, 5, 8), "k": floats(2, 2, 7, 4), "v": floats(2, 2, 7, 4)},
        flops=2 * 2 * 5 * 7 * 16,
        attributes={"num_heads": 2},
    ),
    Case(
        "MultiHeadAttention",
        "q",
        {"q": floats(2, 5, 2, 3, 4)},
        flops=2 * 2 * 5 * 5 * 16,
        attributes={"num_heads": 2},
        shape=(2, 5, 8),
    ),
    Case(
        "MultiHeadAttention",
        "q k v - - - p r",
        {
            "q": floats(2, 5, 8),
            "k": floats(2, 5, 8),
            "v": floats(2, 5, 8),
            "p": floats(2, 2, 3, 4),
            "r": floats(2, 2, 3, 4),
        },
        flops=2 * 2 * 5 * 8 * 16,
        yields="y kk vv",
        attributes={"num_heads": 2},
    ),
    Case(
        "DecoderMaskedMultiHeadAttention",
        "q k v - - p r",
        {
            "q": floats(2, 1, 8),
            "k": floats(2, 1, 8),
            "v": floats(2, 1, 8),
            "p": floats(2, 2, 3, 4),
            "r": floats(2, 2, 3, 4),
        },
        flops=2 * 2 * 4 * 16,
        yields="y kk vv",
        shape=(2, 1, 8),
        attributes={"num_heads": 2},
    ),
    Case(
        "GroupQueryAttention",
        "q k v - - l t",
        {"q": floats(2, 5, 32), "k": floats(2, 5, 16), "v": floats(2, 5, 16), **LENGTHS},
        flops=4 * 2 * 4 * 5 * 5 * 8,
        yields="y kk vv",
        attributes=GQA,
    ),
    Case(
        "GroupQueryAttention",
        "q - - - - l t",
        {"q": floats(2, 5, 64), **LENGTHS},
        flops=4 * 2 * 4 * 5 * 5 * 8,
        yields="y kk vv",
        attributes=GQA,
    ),
    Case(
        "SkipLayerNormalization",
        "x x2 g b",
        {"x": floats(2, 3, 4), "x2": floats(2, 3, 4)},
        {"g": floats(4), "b": floats(4)},
        8,
        yields="y - - sum",
    ),
    Case(
        "SkipSimplifiedLayerNormalization", "x x2 g", {"x": floats(2, 3, 4), "x2": floats(2, 3, 4)}, {"g": floats(4)}, 4
    ),
    Case(
        "EmbedLayerNormalization",
        "i - w p - g b",
        {"i": ints(2, 3, dtype=np.int32)},
        {"w": floats(9, 4), "p": floats(8, 4), "g": floats(4), "b": floats(4)},
        76,
        yields="y m",
    ),
    Case("BiasGelu", "x b", {"x": floats(2, 3, 4)}, {"b": floats(4)}, 4),
    Case("FastGelu", "x b", {"x": floats(2, 3, 4)}, {"b": floats(4)}, 4),
    Case("Gelu", "x", {"x": floats(2, 3, 4)}),
    Case("QuickGelu", "x", {"x": floats(2, 3, 4)}),
    Case("DequantizeLinear", "x s z", {"x": ints(2, 3)}, S),
    Case("QuantizeLinear", "x s z", {"x": floats(2, 3)}, S),
    Case("RotaryEmbedding", "x i c c", {"x": floats(2, 3, 8), "i": ints(2, 3, dtype=np.int64)}, {"c": floats(9, 4)}),
    Case(
        "MoE",
        "x r w - v",
        {"x": floats(6, 8), "r": floats(6, 4)},
        {"w": floats(4, 16, 8), "v": floats(4, 8, 16)},
        1024,
        2 * 6 * 2 * 256,
        attributes={"k": 2, "activation_type": "relu"},
    ),
]


def _info(name: str, array: Any, symbolic: bool) -> onnx.ValueInfoProto:
    array = np.asarray(array)
    shape: list[Any] = [*array.shape]
    if symbolic and shape:
        shape[0] = "batch"
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)


def _model(case: Case, symbolic: bool = False) -> onnx.ModelProto:
    """Return the node with an identity behind each result; nothing says the shapes."""
    reads = [name if name in case.given or name in case.weights else "" for name in case.reads.split()]
    results = [name if name != "-" else "" for name in case.yields.split()]
    node = helper.make_node(case.operator, reads, results, "node", domain="com.microsoft", **case.attributes)
    after = [helper.make_node("Identity", [name], [f"{name} out"]) for name in results if name]
    graph = helper.make_graph(
        [node, *after],
        "g",
        [_info(name, array, symbolic) for name, array in case.given.items()],
        [onnx.ValueInfoProto(name=f"{name} out") for name in results if name],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in case.weights.items()],
    )
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def _name(case: Case) -> str:
    return f"{case.operator} {case.reads} {case.yields}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_types_are_those_that_onnx_runtime_yields(case: Case) -> None:
    """Parameters are the weights alone, without scales, zero points and caches, and packed ones have all numbers."""
    model = _model(case)
    graph = graph_of_model(model, "m")
    read = {o["target"]: (o["shape"], o["dtype"]) for o in graph.ops.nodes.values() if o["kind"] == "output"}
    assert (graph.component("").total_params, graph.component("").flops) == (case.params, case.flops)
    if case.shape:
        assert read["y out"] == (case.shape, "float32")
        return
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    results = session.run(None, case.given)
    names = [output.name for output in session.get_outputs()]
    assert read == {name: (array.shape, str(array.dtype)) for name, array in zip(names, results, strict=True)}


@pytest.mark.parametrize(
    "case", [c for c in CASES if "GroupQuery" in c.operator or c.given.keys() & {"x", "q"}], ids=_name
)
def test_a_size_that_varies_passes_through(case: Case) -> None:
    graph = graph_of_model(_model(case, symbolic=True), "m")
    shapes = [o["shape"] for o in graph.ops.nodes.values() if o["kind"] == "output"]
    assert all(shape[0] == "batch" or "trans" in str(case.attributes) for shape in shapes)


def test_flops_that_the_shapes_do_not_say_are_none() -> None:
    assert contrib_flops("MultiHeadAttention", [("…",), None, None], [("…",)], {"num_heads": 2}) is None
    assert contrib_flops("PackedMultiHeadAttention", [(7, 8)] * 3, [(7, 8)], {"num_heads": 2}) is None
    assert contrib_flops("BiasGelu", [(7, 8), (8,)], [(7, 8)], {}) == 0


def test_convolutions_in_the_memory_layout_of_one_processor() -> None:
    """ONNX Runtime saves such a file after its last optimisation; channels are filled up to a block of eight."""
    own = "com.microsoft.nchwc"
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["h"], domain=own, kernel_shape=[3, 3], activation="Relu"),
        helper.make_node("GlobalAveragePool", ["h"], ["p"], domain=own),
        helper.make_node("ReorderOutput", ["p"], ["y"], domain=own, channels=6),
    ]
    graph = graph_of_model(
        model_of(nodes, {"x": [1, 3, 8, 8]}, {"y": None}, [zeros("w", 8, 3, 3, 3), zeros("b", 8)]), "m"
    )
    assert graph.op("Conv").shape == (1, 8, 6, 6)
    assert graph.op("output").shape == (1, 6, 1, 1)
    assert (graph.component("").total_params, graph.component("").flops) == (224, 2 * 8 * 36 * 27)
