"""Stand-ins for the operators of ONNX Runtime (``com.microsoft``): operators of ONNX that yield the same types.

The shape inference of ONNX does not know those operators. Nodes that stand in for them let it pass through, with sizes
that vary and with all that it computes of shapes. They never become operations of a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx
from onnx import TensorProto, helper

from ptgraph.onnx.reading.contrib_flops import CONTRIB
from ptgraph.onnx.reading.flat_graph import Node
from ptgraph.onnx.reading.parameters.initializers import Initializer
from ptgraph.onnx.reading.tensor_types import attribute_value


@dataclass
class StandIns:
    """The nodes that stand in for *node*, in order, and the types of the weights that they read."""

    node: Node
    initializers: Mapping[str, Initializer]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.ValueInfoProto] = field(default_factory=list)

    def has(self, number: int) -> bool:
        """Return whether the node has the input *number*."""
        return number < len(self.node.inputs) and bool(self.node.inputs[number])

    def read(self, number: int) -> str:
        """Return the name of the input *number*."""
        return self.node.inputs[number]

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute of the node."""
        found = self.node.attributes.get(name)
        return default if found is None else attribute_value(found)

    def add(self, operator: str, *inputs: str, to: int | None = None, **attributes: Any) -> str:
        """Add a node, and return its result: the result *to* of the node that it stands in for, or another value."""
        result = self._name() if to is None else self.node.outputs[to]
        self.nodes.append(helper.make_node(operator, [*inputs], [result], **attributes))
        return result

    def weight(self, *sizes: int, code: int = TensorProto.FLOAT) -> str:
        """Return the name of a new weight of this shape and element type."""
        name = self._name()
        self.weights.append(helper.make_tensor_value_info(name, code, [*sizes]))
        return name

    def numbers(self, *values: int) -> str:
        """Return the name of a new constant vector of integers."""
        return self.add("Constant", value_ints=[*values])

    def yields(self, number: int) -> bool:
        """Return whether the node yields the result *number*."""
        return number < len(self.node.outputs) and bool(self.node.outputs[number])

    def same(self, number: int, value: str) -> None:
        """Let the result *number*, if there is one, be like *value*."""
        if self.yields(number):
            self.add("Identity", value, to=number)

    def _name(self) -> str:
        return f"{self.node.name}: stand-in {len(self.nodes)} {len(self.weights)}"


def stand_ins(node: Node, initializers: Mapping[str, Initializer]) -> StandIns | None:
    """Return what stands in for *node*, or None if nothing is known that does."""
    operator = node.proto.op_type
    if node.domain not in CONTRIB and operator not in _OWN_OF_ONNX:
        return None
    rule = _RULES.get(operator)
    if rule is None:
        return None
    found = StandIns(node, initializers)
    try:
        rule(found)
    except (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):  # a node that does not fit its operator
        return None
    return found


def _like(*results: int) -> Callable[[StandIns], None]:
    """The *results* are like the first input."""

    def rule(found: StandIns) -> None:
        for number in results:
            found.same(number, found.read(0))

    return rule


def _cast_like(value: int, model: int) -> Callable[[StandIns], None]:
    def rule(found: StandIns) -> None:
        found.add("CastLike", found.read(value), found.read(model), to=0)

    return rule


def _quantized(found: StandIns) -> None:
    if found.has(2):
        found.add("CastLike", found.read(0), found.read(2), to=0)
    else:
        found.add("CastLike", found.read(0), found.weight(1, code=TensorProto.UINT8), to=0)


def _elementwise(second: int) -> Callable[[StandIns], None]:
    def rule(found: StandIns) -> None:
        found.add("Add", found.read(0), found.read(second), to=0)

    return rule


def _matmul(found: StandIns) -> None:
    if found.get("transBatchA") or found.get("transBatchB"):
        raise ValueError("dimensions of the batch are transposed")
    factors = []
    for number, name in enumerate(("transA", "transB")):
        value = found.read(number)
        factors.append(found.add("Einsum", value, equation="...ij->...ji") if found.get(name) else value)
    found.add("MatMul", *factors, to=0)


def _integer_matmul(scale: int) -> Callable[[StandIns], None]:
    """Two factors of integers; the result has the type of the input *scale*."""

    def rule(found: StandIns) -> None:
        factors = [found.add("CastLike", found.read(number), found.read(scale)) for number in (0, 1)]
        found.add("MatMul", *factors, to=0)

    return rule


def _packed_matmul(found: StandIns) -> None:
    found.add("MatMul", found.read(0), found.weight(found.get("K"), found.get("N")), to=0)


def _gemm(found: StandIns) -> None:
    sides = {name: int(found.get(name, 0)) for name in ("transA", "transB")}
    found.add("Gemm", found.read(0), found.read(1), to=0, **sides)


def _quantized_gemm(found: StandIns) -> None:
    sides = {name: int(found.get(name, 0)) for name in ("transA", "transB")}
    factors = [found.add("CastLike", found.read(number), found.read(1)) for number in (0, 3)]
    if found.has(7):
        found.add("CastLike", found.add("Gemm", *factors, **sides), found.read(0), to=0)
    else:
        found.add("Gemm", *factors, to=0, **sides)


_WINDOW = ("auto_pad", "ceil_mode", "count_include_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def _windowed(operator: str, second: int | None, scale: int | None = None) -> Callable[[StandIns], None]:
    """A convolution or a pooling with the weight *second*, of integers that have a *scale*, or of channels last."""

    def rule(found: StandIns) -> None:
        attributes = {name: value for name in _WINDOW if (value := found.get(name)) is not None}
        value = found.read(0)
        if scale is not None:
            value = found.add("CastLike", value, found.read(scale))
        weight = [] if second is None else [found.read(second)]
        if scale is not None:
            weight = [found.add("CastLike", name, found.read(scale)) for name in weight]
        last = bool(found.get("channels_last"))
        rank = len(found.get("kernel_shape") or (1, 1))
        if last:
            value = found.add("Transpose", value, perm=[0, rank + 1, *range(1, rank + 1)])
        value = found.add(operator, value, *weight, **attributes)
        if last:
            value = found.add("Transpose", value, perm=[0, *range(2, rank + 2), 1])
        found.add("CastLike", value, found.read(0), to=0)

    return rule


def _reordered(found: StandIns) -> None:
    """Channels that were added to fill a block are left out again."""
    if found.get("channels_last"):
        raise ValueError("channels are last")
    ends = found.numbers(int(found.get("channels")))
    found.add("Slice", found.read(0), found.numbers(0), ends, found.numbers(1), to=0)


def _concat(found: StandIns) -> None:
    found.add("Concat", *found.node.inputs[2::3], to=0, axis=found.get("axis"))


def _embedding(word: int, scale: int | None = None) -> Callable[[StandIns], None]:
    def rule(found: StandIns) -> None:
        table = found.read(word)
        if scale is not None:
            table = found.add("CastLike", table, found.read(scale))
        value = found.add("Gather", table, found.read(0), to=0)
        if found.yields(1):  # [batch], of integers
            last = found.add("ArgMax", found.read(0), axis=1, keepdims=0)
            found.add("CastLike", last, found.weight(1, code=TensorProto.INT32), to=1)
        found.same(2, value)

    return rule


def _packed_gather(found: StandIns) -> None:
    data, scales = (found.initializers[found.read(number)] for number in (0, 2))
    table = found.weight(*(int(size) for size in data.shape), code=scales.code)
    found.add("Gather", table, found.read(1), to=0, axis=int(found.get("gather_axis", 0)))


def _projected_attention(scale: int | None = None) -> Callable[[StandIns], None]:
    """X by W [size, q + k + v]: the result is as wide as the values."""

    def rule(found: StandIns) -> None:
        size, width = (int(size) for size in found.initializers[found.read(1)].shape)
        sizes = found.get("qkv_hidden_sizes") or [width // 3] * 3
        value = found.read(0)
        if scale is not None:
            value = found.add("CastLike", value, found.read(scale))
        found.add("MatMul", value, found.weight(size, sizes[2]), to=0)

    return rule


def _attention(past: int, shared: str = "num_heads") -> Callable[[StandIns], None]:
    """Q, K and V apart, or in one tensor; what is kept of K and V follows the *past* inputs."""

    def rule(found: StandIns) -> None:
        heads, few = int(found.get("num_heads")), int(found.get(shared))
        if found.has(1):
            found.same(0, found.read(0))
            parts = [found.read(number) for number in (1, 2) if found.has(number)]
            kept = [found.add("Reshape", value, found.numbers(0, 0, few, -1)) for value in parts]
        elif shared == "num_heads":  # [batch, tokens, heads, 3, size]
            kept = [found.add("ReduceMax", found.read(0), found.numbers(3), keepdims=0)]
            found.add("Reshape", kept[0], found.numbers(0, 0, -1), to=0)
        else:  # [batch, tokens, (heads + 2 × shared) × size]
            value = found.add("Reshape", found.read(0), found.numbers(0, 0, heads + 2 * few, -1))
            query, *kept = (
                found.add("Slice", value, found.numbers(0), found.numbers(count), found.numbers(2))
                for count in (heads, few)
            )
            found.add("Reshape", query, found.numbers(0, 0, -1), to=0)
        for number in (1, 2):
            if found.yields(number) and kept:
                new = found.add("Transpose", kept[min(number, len(kept)) - 1], perm=[0, 2, 1, 3])
                before = past + number - 1
                parts = [found.read(before), new] if found.has(before) else [new]
                found.add("Concat", *parts, to=number, axis=2)

    return rule


_OWN_OF_ONNX = {"SimplifiedLayerNormalization"}  # ONNX Runtime has it in the domain of ONNX
_FIRST_LIKE = [
    "BiasAdd",
    "BiasGelu",
    "BiasSoftmax",
    "FastGelu",
    "GatedAdd",
    "Gelu",
    "GroupNorm",
    "Inverse",
    "MoE",
    "PackedMultiHeadAttention",
    "QLinearLeakyRelu",
    "QLinearSigmoid",
    "QLinearSoftmax",
    "QMoE",
    "QuickGelu",
    "RotaryEmbedding",
    "ScaledSiLU",
    "SimplifiedLayerNormalization",
    "Trilu",
]
_RULES: dict[str, Callable[[StandIns], None]] = {
    **dict.fromkeys(_FIRST_LIKE, _like(0)),
    "BiasDropout": _like(0),
    "SkipGroupNorm": _like(0, 1),
    "SkipLayerNormalization": _like(0, 3),
    "SkipSimplifiedLayerNormalization": _like(0, 3),
    "DequantizeLinear": _cast_like(0, 1),
    "QuantizeLinear": _quantized,
    "QLinearAdd": _elementwise(3),
    "QLinearMul": _elementwise(3),
    "QLinearConcat": _concat,
    "FusedMatMul": _matmul,
    "FusedMatMulActivation": _matmul,
    "TransposeMatMul": _matmul,
    "GemmFastGelu": _matmul,
    "DynamicQuantizeMatMul": _integer_matmul(0),
    "MatMulIntegerToFloat": _integer_matmul(2),
    "MatMulNBits": _packed_matmul,
    "MatMulBnb4": _packed_matmul,
    "FusedGemm": _gemm,
    "GemmFloat8": _gemm,
    "QGemm": _quantized_gemm,
    "AveragePool": _windowed("AveragePool", None),
    "Conv": _windowed("Conv", 1),
    "FusedConv": _windowed("Conv", 1),
    "GlobalAveragePool": _windowed("GlobalAveragePool", None),
    "GlobalMaxPool": _windowed("GlobalMaxPool", None),
    "MaxPool": _windowed("MaxPool", None),
    "ReorderInput": _like(0),
    "ReorderOutput": _reordered,
    "QLinearConv": _windowed("Conv", 3, 1),
    "QLinearAveragePool": _windowed("AveragePool", None, 1),
    "QLinearGlobalAveragePool": _windowed("GlobalAveragePool", None, 1),
    "EmbedLayerNormalization": _embedding(2),
    "QEmbedLayerNormalization": _embedding(2, 8),
    "GatherBlockQuantized": _packed_gather,
    "Attention": _projected_attention(),
    "DecoderMaskedSelfAttention": _projected_attention(),
    "PackedAttention": _projected_attention(),
    "QAttention": _projected_attention(3),
    "MultiHeadAttention": _attention(6),
    "DecoderMaskedMultiHeadAttention": _attention(5),
    "GroupQueryAttention": _attention(3, "kv_num_heads"),
    "SparseAttention": _attention(3, "kv_num_heads"),
}

__all__ = ["StandIns", "stand_ins"]
