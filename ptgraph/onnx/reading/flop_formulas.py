"""Floating-point operations of ONNX operators, by the shapes of what they read and yield.

What torch's counter counts of the operators of torch is counted here, by the same formulas: two for each product of a
matrix product, a convolution, an attention (the two products in it), an einsum and a recurrent layer. All else counts
nothing: norms, activations, sums and embeddings. A size that may vary counts 1; one that either factor says is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ptgraph.graph.model import Shape
from ptgraph.onnx.reading.tensor_types import UNKNOWN_SHAPE

Sizes = Sequence[int]
_OTHER_PLACES = {"QLinearMatMul": (0, 3), "QLinearConv": (0, 3)}  # where the two factors are among the inputs


def flops(
    operator: str, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None], attributes: dict[str, Any]
) -> int | None:
    """Return what a node computes, or None if its shapes are not known; an operator without products counts 0."""
    formula = _FORMULAS.get(operator)
    if formula is None:
        return 0
    first, second = _OTHER_PLACES.get(operator, (0, 1))
    needed = [inputs[i] if i < len(inputs) else None for i in (first, second)]
    if operator not in _ALONE and (None in needed or UNKNOWN_SHAPE in needed):
        return None
    if not outputs or outputs[0] is None or outputs[0] == UNKNOWN_SHAPE:
        return None
    given = [_sizes(shape) for shape in (*needed, *inputs[2:])]
    try:
        return formula(given, _sizes(outputs[0]), attributes)
    except (IndexError, KeyError, ZeroDivisionError, ValueError):  # a node that does not fit its operator
        return None


def _sizes(shape: Shape | None) -> list[int]:
    return [size if isinstance(size, int) else 1 for size in shape or ()]


def _matmul(given: list[list[int]], result: Sizes, attributes: dict[str, Any]) -> int:
    return 2 * math.prod(result) * max(given[0][-1], given[1][-2:][0])


def _gemm(given: list[list[int]], result: Sizes, attributes: dict[str, Any]) -> int:
    rows, columns = bool(attributes.get("transA")), not attributes.get("transB")
    return 2 * math.prod(result) * max(given[0][not rows], given[1][not columns])


def _conv(given: list[list[int]], result: Sizes, attributes: dict[str, Any]) -> int:
    return 2 * math.prod(result) * math.prod(given[1][1:])


def _transposed_conv(given: list[list[int]], result: Sizes, attributes: dict[str, Any]) -> int:
    return 2 * math.prod(given[0]) * math.prod(given[1][1:])


def _attention(given: list[list[int]], result: Sizes, attributes: dict[str, Any]) -> int:
    """QKᵀ and its product with V: Q is [batch, heads, queries, size], or [batch, queries, heads × size]."""
    query, key, value = given[:3]
    if len(query) == 4:
        batch, heads, queries, size = query
        keys, value_size = value[2], value[3]
    else:
        batch, queries, width = query
        heads = attributes["q_num_heads"]
        size, keys = width // heads, key[1]
        value_size = value[2] // attributes["kv_num_heads"]
    return 2 * batch * heads * queries * keys * (size + value_size)


def _einsum(given: list[list[int]], result: Sizes, attributes: dict[str, Any]) -> int:
    terms = str(attributes["equation"]).replace(" ", "").partition("->")[0].split(",")
    if len(terms) != 2 or "." in terms[0] + terms[1]:
        return 0
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, given, strict=False):
        sizes.update(zip(term, shape, strict=True))
    return 2 * math.prod(sizes.values())


def _recurrent(given: list[list[int]], result: Sizes, attributes: dict[str, Any]) -> int:
    """X [steps, batch, size] by W [directions, gates × hidden, size], and the state by R [directions, …, hidden]."""
    steps = given[0][0] * given[0][1]
    return 2 * steps * (math.prod(given[1]) + math.prod(given[2]))


_FORMULAS: dict[str, Callable[[list[list[int]], Sizes, dict[str, Any]], int]] = {
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _conv,
    "ConvInteger": _conv,
    "QLinearConv": _conv,
    "ConvTranspose": _transposed_conv,
    "Attention": _attention,
    "Einsum": _einsum,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}
_ALONE = {"Einsum"}

__all__ = ["flops"]
