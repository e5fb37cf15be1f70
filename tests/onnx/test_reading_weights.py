"""The weights of ONNX files that do not say which they are: constants, moved and quantized ones. All else is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.reading.read import graph_of_model, read
from tests.support.small_onnx import model_of

node = helper.make_node


def tensor(name: str, *shape: int, dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.ones(shape, dtype), name)


def constant(name: str, value: TensorProto | list[int]) -> onnx.NodeProto:
    return node("Constant", [], [name], **({"value_ints": value} if isinstance(value, list) else {"value": value}))


def weights(graph: ModelGraph) -> dict[str, Any]:
    return {parameter.name: parameter.shape for parameter in graph.parameters if parameter.kind == "parameter"}


def graph_of(nodes: Any, given: list[Any], initializers: Any = ()) -> ModelGraph:
    return graph_of_model(model_of(nodes, {"x": given}, {"y": None}, initializers), "m")


def test_constants_that_operators_read_as_weights_are_parameters() -> None:
    """Sizes, indices, scales of an image and scalars are none, however large the tensors are that they follow."""
    nodes = [
        constant("w", tensor("", 8, 3, 3, 3)),
        constant("b", tensor("", 8)),
        node("Conv", ["x", "w", "b"], ["a"]),
        constant("r", numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32))),
        node("Resize", ["a", "", "r"], ["c"]),
        node("Constant", [], ["half"], value_float=0.5),
        node("Mul", ["c", "half"], ["d"]),
        constant("to", [0, -1]),
        node("Reshape", ["d", "to"], ["e"]),
        node("Constant", [], ["p"], value_floats=[0.25] * 1152),
        node("Add", ["e", "p"], ["f"]),
        constant("i", [0, 1, 2]),
        node("Gather", ["f", "i"], ["g"], axis=1),
        constant("v", tensor("", 3, 5)),
        node("MatMul", ["g", "v"], ["y"]),
    ]
    graph = graph_of(nodes, [2, 3, 8, 8])
    assert weights(graph) == {"w": (8, 3, 3, 3), "b": (8,), "p": (1152,), "v": (3, 5)}
    assert graph.component("").total_params == 216 + 8 + 1152 + 15
    assert {o["target"] for o in graph.ops.nodes.values() if o["kind"] == "constant"} >= {"Constant_2", "Constant_3"}


@pytest.mark.parametrize("written", ["constant", "initializer"])
@pytest.mark.parametrize(
    ("moves", "shape", "dtype"),
    [
        (["Identity"], (4, 6), np.float32),
        (["Transpose"], (6, 4), np.float32),
        (["Cast", "Transpose"], (6, 4), np.float16),
        (["Reshape"], (24,), np.float32),
        (["DequantizeLinear"], (4, 6), np.int8),
        (["DequantizeLinear", "Identity", "Transpose"], (6, 4), np.uint8),
        (["QuantizeLinear", "DequantizeLinear"], (4, 6), np.float32),
        (["Cast", "Mul"], (4, 6), np.int8),
    ],
)
def test_a_weight_may_be_moved_cast_and_dequantized(
    moves: list[str], shape: tuple[int, ...], dtype: Any, written: str
) -> None:
    """A name that an exporter generated says nothing. What scales it is no weight."""
    own = tensor("onnx::MatMul_7", *shape, dtype=dtype)
    scale, to = tensor("scale", 6), numpy_helper.from_array(np.array([4, 6]), "to")
    scale.dims[:] = [6]
    nodes = [constant(own.name, own)] if written == "constant" else []
    value = own.name
    for number, move in enumerate(moves):
        more = {"QuantizeLinear": ["one"], "DequantizeLinear": ["one"], "Mul": ["one"], "Reshape": ["to"]}
        attributes: dict[str, Any] = {"to": TensorProto.FLOAT} if move == "Cast" else {}
        nodes.append(node(move, [value, *more.get(move, [])], [f"v{number}"], **attributes))
        value = f"v{number}"
    nodes.append(node("MatMul", ["x", value], ["y"]))
    initializers = [tensor("one"), to, *([own] if written == "initializer" else [])]
    if moves == ["Reshape"]:
        assert weights(graph_of(nodes, [2, 4], initializers)) == {}  # a vector that is made a matrix: no weight
    else:
        graph = graph_of(nodes, [2, 4], initializers)
        assert weights(graph) == {"onnx::MatMul_7": shape}
        assert graph.component("").flops == 2 * 2 * 4 * 6


def test_scales_and_zero_points_are_no_parameters() -> None:
    """They are not, however they are called, and for each channel as well."""
    nodes = [
        node("DequantizeLinear", ["w", "w.scale", "w.zero"], ["v"], axis=1),
        node("QuantizeLinear", ["x", "x.scale", "x.zero"], ["q"], axis=1),
        node("DequantizeLinear", ["q", "x.scale", "x.zero"], ["d"], axis=1),
        node("MatMul", ["d", "v"], ["h"]),
        node("Clip", ["h", "low", ""], ["y"]),
    ]
    integers = [
        tensor("w", 4, 6, dtype=np.int8),
        tensor("w.zero", 6, dtype=np.int8),
        tensor("x.zero", 4, dtype=np.uint8),
    ]
    graph = graph_of(nodes, [2, 4], [*integers, tensor("w.scale", 6), tensor("x.scale", 4), tensor("low", 6)])
    assert weights(graph) == {"w": (4, 6)}


def test_a_vector_of_frequencies_is_no_weight_of_a_product() -> None:
    nodes = [
        constant("axes", [0, 2]),
        node("Unsqueeze", ["/rotary/Constant_output_0", "axes"], ["f"]),
        node("MatMul", ["f", "x"], ["y"]),
    ]
    assert weights(graph_of(nodes, [1, 1, 5], [tensor("/rotary/Constant_output_0", 8)])) == {}


def test_a_constant_in_a_file_that_is_missing_does_not_stop(tmp_path: Path) -> None:
    external = tensor("", 4, 6)
    external.ClearField("raw_data")
    external.data_location = TensorProto.EXTERNAL
    external.external_data.add(key="location", value="missing.bin")
    small = TensorProto()
    small.CopyFrom(external)
    small.dims[:] = [6]
    nodes = [constant("w", external), constant("b", small), node("Gemm", ["x", "w", "b"], ["h"])]
    nodes += [constant("c", small), node("Max", ["h", "c"], ["y"])]
    path = tmp_path / "m.onnx"
    path.write_bytes(model_of(nodes, {"x": [2, 4]}, {"y": None}).SerializeToString())
    graph = read(path, "m")
    assert (weights(graph), graph.component("").flops) == ({"w": (4, 6), "b": (6,)}, 96)


class _Samples(quantization.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        self.left: Iterator[Any] = iter([{"x": np.ones((2, 3, 8, 8), np.float32)}] * 2)

    def get_next(self) -> Any:
        return next(self.left, None)


def _net() -> onnx.ModelProto:
    """A convolution, products and sums of them: 216 + 8 + 512 + 64 + 640 + 10 parameters."""
    nodes = [
        node("Conv", ["x", "conv.weight", "conv.bias"], ["a"], "/conv/Conv", kernel_shape=[3, 3]),
        node("Relu", ["a"], ["b"], "/Relu"),
        node("GlobalAveragePool", ["b"], ["c"], "/pool/GlobalAveragePool"),
        node("Flatten", ["c"], ["d"], "/Flatten"),
        node("MatMul", ["d", "onnx::MatMul_1"], ["e"], "/up/MatMul"),
        node("Add", ["e", "up.bias"], ["f"], "/up/Add"),
        node("Gemm", ["f", "down.weight", "down.bias"], ["y"], "/down/Gemm", transB=1),
    ]
    rng = np.random.default_rng(0)
    shapes = {"conv.weight": (8, 3, 3, 3), "conv.bias": (8,), "onnx::MatMul_1": (8, 64), "up.bias": (64,)}
    shapes |= {"down.weight": (10, 64), "down.bias": (10,)}
    made = [numpy_helper.from_array(rng.standard_normal(s).astype(np.float32), n) for n, s in shapes.items()]
    model = model_of(nodes, {"x": [2, 3, 8, 8]}, {"y": [2, 10]}, made)
    model.ir_version = 10
    return model


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("way", ["dynamic", "QDQ", "QOperator"])
def test_a_quantized_model_has_the_parameters_and_flops_of_the_model(
    way: str, per_channel: bool, tmp_path: Path
) -> None:
    source, target = tmp_path / "m.onnx", tmp_path / "q.onnx"
    onnx.save(_net(), source)
    if way == "dynamic":
        quantization.quantize_dynamic(source, target, per_channel=per_channel)
    else:
        form = quantization.QuantFormat[way]
        quantization.quantize_static(source, target, _Samples(), quant_format=form, per_channel=per_channel)
    plain, quantized = (read(path, "m") for path in (source, target))
    found = {name: sorted(weights(graph)) for name, graph in (("plain", plain), ("quantized", quantized))}
    assert quantized.component("").total_params == plain.component("").total_params == 1450, found
    assert quantized.component("").flops == plain.component("").flops > 0
    categories = {path: quantized.component(path).category for path in ("conv", "up", "down")}
    assert categories == {"conv": "Convolution", "up": "Linear", "down": "Linear"}
