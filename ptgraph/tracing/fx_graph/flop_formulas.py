"""FLOP formulas of operators that torch's own counter does not know, by the shapes of the tensors that they read.

The convention is that of ``torch.utils.flop_counter``: a product of m×k and k×n counts 2·m·n·k, a multiplication and an
addition for each element of the sum, and a convolution and attention what their products count. An outer product has no
sum: m·n. Additions of biases, activations, norms and whatever else works element by element count 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from math import prod
from typing import Any

import torch

from ptgraph.tracing.torch_internals import HigherOrderOperator, pytree, schema_of

Shape = Sequence[int]
Formula = Callable[[list[Shape], Shape], int]  # of the shapes of the tensors read, in order, and of the first result


def _matrices(given: list[Shape], result: Shape) -> int:
    """Products of matrices, or batches of them; the sum is over the last dimension of the first."""
    return 2 * prod(result) * given[0][-1]


def _vectors(given: list[Shape], result: Shape) -> int:
    """Vectors along a dimension of two tensors of one shape, or of shapes that are made one."""
    first, second = (shape[::-1] for shape in given[:2])
    return 2 * prod(b if a == 1 else a for a, b in zip_longest(first, second, fillvalue=1))


def _grouped(given: list[Shape], result: Shape) -> int:
    """Groups of rows, of columns, or of what is summed, each times its own matrix: each row counts once."""
    first, second = given[:2]
    return 2 * prod(first) * second[-1] if len(first) == len(second) == 3 else 2 * prod(first[-2:]) * second[-1]


def _attention(given: list[Shape], result: Shape) -> int:
    """Query × key, and the weights × value; keys and values that several heads share count for each. Masks count 0."""
    query, key, value = given[:3]
    return 2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _recurrent_layer(given: list[Shape], result: Shape) -> int:
    """One layer in one direction: every step of every sequence is multiplied with both matrices."""
    return 2 * prod(given[0][:-1]) * (prod(given[1]) + prod(given[2]))


FORMULAS: dict[str, Formula] = {  # by the name of the operator with its library
    "aten::mv": lambda given, _: 2 * prod(given[0]),
    "aten::addmv": lambda given, _: 2 * prod(given[1]),
    "aten::addr": lambda _, result: 2 * prod(result),
    "aten::outer": lambda _, result: prod(result),
    "aten::ger": lambda _, result: prod(result),
    "aten::dot": _vectors,
    "aten::vdot": _vectors,
    "aten::linalg_vecdot": _vectors,
    "aten::addbmm": lambda given, _: 2 * prod(given[1]) * given[2][-1],
    "aten::_int_mm": _matrices,
    "aten::_weight_int8pack_mm": _matrices,
    "aten::_weight_int4pack_mm": _matrices,
    "aten::_weight_int4pack_mm_for_cpu": _matrices,
    "aten::mkldnn_rnn_layer": _recurrent_layer,
    "aten::_grouped_mm": _grouped,
    "aten::_scaled_grouped_mm": _grouped,
    "transformers::grouped_mm_fallback": _grouped,
    "aten::_scaled_dot_product_flash_attention_for_cpu": _attention,
    "aten::_scaled_dot_product_fused_attention_overrideable": _attention,
    "higher_order::flex_attention": _attention,
    "torchvision::deform_conv2d": lambda given, result: 2 * prod(result) * prod(given[1][1:]),
    "quantized::linear": _matrices,
    "quantized::linear_dynamic": _matrices,
    "quantized::linear_relu": _matrices,
    "quantized::linear_relu_dynamic": _matrices,
}
_TAKEN_APART = {"aten::outer", "aten::ger", "aten::linalg_vecdot"}  # before the counter of torch sees an operator


def name_of(function: Any) -> str:
    """Return an operator's name with its library, ``aten::mv``, or an empty string for another function.

    The functions and methods of torch that its counter never sees have the names of their operators.
    """
    if isinstance(function, HigherOrderOperator):
        return f"higher_order::{function}"
    if (schema := schema_of(function)) is not None:
        return str(schema.name)
    name = f"aten::{getattr(function, '__name__', '')}"
    return name if name in _TAKEN_APART else ""


def flops_by_formula(name: str, given: Any, result: Any) -> int:
    """Return the FLOPs of an operator in `FORMULAS`; what it reads and what it yields are trees of tensors."""
    shapes, results = _shapes(given), _shapes(result)
    return FORMULAS[name](shapes, results[0])


def mapping() -> dict[Any, Any]:
    """Return the formulas as ``custom_mapping`` of torch's ``FlopCounterMode``; libraries not imported are left out."""
    found = {}
    for name in FORMULAS:
        library, _, word = name.partition("::")
        operator = getattr(getattr(torch.ops, library, None), word, None) if library != "higher_order" else None
        if operator is not None:
            found[operator] = _raw(name)
    return found


def _raw(name: str) -> Callable[..., int]:
    def count(*args: Any, out_val: Any = None, **kwargs: Any) -> int:
        return flops_by_formula(name, (args, kwargs), out_val)

    count._get_raw = True  # type: ignore[attr-defined]  # of tensors, which torch else replaces by their shapes
    return count


def _shapes(tree: Any) -> list[Shape]:
    return [tuple(leaf.shape) for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


__all__ = ["FORMULAS", "flops_by_formula", "mapping", "name_of"]
