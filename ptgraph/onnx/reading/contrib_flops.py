"""Floating-point operations of the operators of ONNX Runtime (``com.microsoft``), by what they read and yield.

They count as the operators of ONNX do: the products in them, two for each. See `ptgraph.onnx.reading.flop_formulas`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ptgraph.graph.model import Shape
from ptgraph.onnx.reading.tensor_types import UNKNOWN_SHAPE

CONTRIB = {"com.microsoft", "com.microsoft.nchwc"}  # the latter has convolutions in the memory layout of one processor


class _Given:
    """The shapes and attributes of a node. A size that may vary counts 1; a shape that is not known is a KeyError."""

    def __init__(self, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None], attributes: dict[str, Any]):
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes

    def has(self, number: int) -> bool:
        """Return whether the node has the input *number*."""
        return number < len(self.inputs) and self.inputs[number] is not None

    def shape(self, number: int) -> Shape:
        """Return the shape of an input."""
        return _known(self.inputs, number)

    def sizes(self, number: int) -> list[int]:
        """Return the shape of an input in numbers."""
        return _numbers(_known(self.inputs, number))

    def result(self, number: int = 0) -> list[int]:
        """Return the shape of a result in numbers."""
        return _numbers(_known(self.outputs, number))

    def keys(self, now: int | str, past: int, axis: int, present: int) -> int:
        """Return how many keys there are: *now* ones, and those along *axis* of the input *past*.

        The result *present* has them all, if the file says its shape.
        """
        shape = self.outputs[present] if present < len(self.outputs) else None
        if shape is not None and len(shape) > axis and isinstance(shape[axis], int):
            return int(shape[axis])
        before = self.shape(past)[axis] if self.has(past) else 0
        return now + before if isinstance(now, int) and isinstance(before, int) else 1


def _known(shapes: Sequence[Shape | None], number: int) -> Shape:
    shape = shapes[number] if number < len(shapes) else None
    if shape is None or shape == UNKNOWN_SHAPE:
        raise KeyError(number)
    return shape


def _numbers(shape: Shape) -> list[int]:
    return [size if isinstance(size, int) else 1 for size in shape]


def contrib_flops(
    operator: str, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None], attributes: dict[str, Any]
) -> int | None:
    """Return what a node of ``com.microsoft`` computes, or None if its shapes are not known; None is a left-out input.

    An operator without products counts 0.
    """
    formula = _FORMULAS.get(operator)
    if formula is None:
        return 0
    try:
        return formula(_Given(inputs, outputs, attributes))
    except (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _matmul(given: _Given) -> int:
    first, second = (bool(given.attributes.get(name)) for name in ("transA", "transB"))
    return (
        2 * math.prod(given.result()) * max(given.sizes(0)[-2 if first else -1], given.sizes(1)[-1 if second else -2])
    )


def _quantized_gemm(given: _Given) -> int:
    return 2 * math.prod(given.result()) * given.sizes(3)[1 if given.attributes.get("transB") else 0]


def _packed(given: _Given) -> int:
    return 2 * math.prod(given.result()) * int(given.attributes["K"])


def _conv(weight: int) -> Callable[[_Given], int]:
    return lambda given: 2 * math.prod(given.result()) * math.prod(given.sizes(weight)[1:])


def _transposed_conv(given: _Given) -> int:
    return 2 * math.prod(given.sizes(0)) * math.prod(given.sizes(1)[1:])


def _projected_attention(past: int) -> Callable[[_Given], int]:
    """X [batch, queries, size] by W [size, q + k + v], and the attention of what it yields; a past is [2, batch, …]."""

    def count(given: _Given) -> int:
        shape, (size, width) = given.shape(0), given.sizes(1)
        batch, queries = _numbers(shape)[:2]
        first, _, third = given.attributes.get("qkv_hidden_sizes") or [width // 3] * 3
        keys = given.keys(shape[1], past, 3, 1)
        return 2 * batch * queries * (size * width + keys * (int(first) + int(third)))

    return count


def _unknown(given: _Given) -> int:
    """Return nothing: the shapes do not say how many products there are, such as how long packed sequences are."""
    raise KeyError("products")


def _attention(past: int) -> Callable[[_Given], int]:
    """Q [batch, queries, heads × size], with K and V of three dimensions or four, or in one tensor with Q."""

    def count(given: _Given) -> int:
        query = given.shape(0)
        batch, queries = _numbers(query)[:2]
        heads = int(given.attributes["num_heads"])
        if len(query) == 5:  # [batch, tokens, heads, 3, size]
            width = value_width = heads * given.sizes(0)[4]
            now: int | str = query[1]
        elif given.has(1) and len(given.shape(1)) == 5:  # [batch, keys, heads, 2, size]
            width = value_width = given.sizes(0)[2]
            now = given.shape(1)[1]
        else:
            key, value = given.shape(1), given.sizes(2)
            width = given.sizes(0)[2]
            value_width = heads * value[3] if len(value) == 4 else value[2]
            now = key[2] if len(key) == 4 else key[1]
        return 2 * batch * queries * given.keys(now, past, 2, 1) * (width + value_width)

    return count


def _grouped_attention(given: _Given) -> int:
    """Q [batch, queries, heads × size], alone or with K and V behind it; several heads share those of one."""
    query = given.shape(0)
    batch, queries, width = _numbers(query)
    heads, shared = (int(given.attributes[name]) for name in ("num_heads", "kv_num_heads"))
    size = width // (heads if given.has(1) else heads + 2 * shared)
    now = given.shape(1)[1] if given.has(1) else query[1]
    return 4 * batch * heads * queries * given.keys(now, 3, 2, 1) * size


def _experts(*weights: int) -> Callable[[_Given], int]:
    """X [tokens, size] by the *weights* [experts, …, …] of k experts a token."""

    def count(given: _Given) -> int:
        tokens = math.prod(given.sizes(0)[:-1])
        products = [math.prod(given.sizes(number)[1:]) for number in weights if given.has(number)]
        return 2 * tokens * int(given.attributes.get("k", 1)) * sum(products)

    return count


def _recurrent(given: _Given) -> int:
    """X [steps, batch, size] by W [directions, size, gates × hidden], and the state by R."""
    return 2 * math.prod(given.sizes(0)[:2]) * (math.prod(given.sizes(1)) + math.prod(given.sizes(2)))


_FORMULAS: dict[str, Callable[[_Given], int]] = {
    "FusedMatMul": _matmul,
    "FusedMatMulActivation": _matmul,
    "TransposeMatMul": _matmul,
    "GemmFastGelu": _matmul,
    "DynamicQuantizeMatMul": _matmul,
    "MatMulInteger16": _matmul,
    "MatMulIntegerToFloat": _matmul,
    "MatMulNBits": _packed,
    "MatMulBnb4": _packed,
    "FusedGemm": _matmul,
    "GemmFloat8": _matmul,
    "QGemm": _quantized_gemm,
    "Conv": _conv(1),
    "FusedConv": _conv(1),
    "NhwcConv": _conv(1),
    "NhwcFusedConv": _conv(1),
    "QLinearConv": _conv(3),
    "ConvTransposeWithDynamicPads": _transposed_conv,
    "Attention": _projected_attention(4),
    "DecoderMaskedSelfAttention": _projected_attention(4),
    "QAttention": _projected_attention(8),
    "MultiHeadAttention": _attention(6),
    "DecoderMaskedMultiHeadAttention": _attention(5),
    "GroupQueryAttention": _grouped_attention,
    "SparseAttention": _grouped_attention,
    "MoE": _experts(2, 4, 6),
    "QMoE": _experts(2, 5, 8),
    "DynamicQuantizeLSTM": _recurrent,
}
# Operators that compute products, and of which the shapes do not say how many.
_FORMULAS |= dict.fromkeys(
    [
        "BeamSearch",
        "DecoderAttention",
        "GreedySearch",
        "LinearAttention",
        "LongformerAttention",
        "MatMulFpQ4",
        "MatMulNBitsMlp",
        "MatMulNBitsQkv",
        "PackedAttention",
        "PackedMultiHeadAttention",
        "PagedAttention",
        "QOrderedAttention",
        "QOrderedMatMul",
        "Sampling",
        "SparseToDenseMatMul",
        "WhisperBeamSearch",
    ],
    _unknown,
)

__all__ = ["CONTRIB", "contrib_flops"]
