"""Products of groups of rows, each with a matrix of its own, as ONNX: a table for ``torch.onnx.export``.

Mixtures of experts compute so: rows are sorted by expert, a histogram of whole numbers says how many each has, and its
running sum where each group ends. ONNX knows neither the product nor the histogram. So each row gathers its matrix.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import torch

from ptgraph.onnx.writing.torch_onnx_bridge import Translation


def grouped_products() -> dict[Any, Translation]:
    """Return operator → its translation; operators of libraries that are not imported are left out."""
    found: dict[Any, Translation] = {torch.ops.aten.histc.default: _histogram}
    for library, name in (("aten", "_grouped_mm"), ("transformers", "grouped_mm_fallback")):
        packet = getattr(getattr(torch.ops, library), name, None)
        if packet is not None:
            found[packet.default] = _product
    return found


def _product(rows: Any, matrices: Any, offs: Any = None, *rest: Any, **named: Any) -> Any:
    """Return each of *rows* (n×k) times the matrix of its group (of g×k×m): n×m. *offs* says where each group ends."""
    op = _operators()
    if len(rows.shape) != 2 or len(matrices.shape) != 3 or offs is None:
        raise NotImplementedError("groups of columns, and groups of what is summed, have no translation")
    first, one, last = (_ints(op, number) for number in (0, 1, -1))
    ends = op.Cast(offs, to=int(ir.DataType.INT64))
    numbers = op.Range(_int(op, 0), op.Squeeze(op.Shape(rows, start=0, end=1), first), _int(op, 1))
    ended = op.Cast(op.GreaterOrEqual(op.Unsqueeze(numbers, last), ends), to=int(ir.DataType.INT64))
    own = op.Gather(matrices, op.ReduceSum(ended, last, keepdims=0), axis=0)
    return op.Squeeze(op.MatMul(op.Unsqueeze(rows, one), own), one)


def _histogram(self: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """Return how many values are in each of *bins* parts of equal width between *min* and *max*, which count, too."""
    op = _operators()
    if min >= max:
        raise NotImplementedError("a histogram between bounds that the values set has no translation")
    first, last = _ints(op, 0), _ints(op, -1)
    low, high = op.Constant(value_float=float(min)), op.Constant(value_float=float(max))
    values = op.Cast(op.Reshape(self, last), to=int(ir.DataType.FLOAT))
    place = op.Div(op.Mul(op.Sub(values, low), op.Constant(value_float=float(bins))), op.Sub(high, low))
    part = op.Min(op.Cast(op.Floor(place), to=int(ir.DataType.INT64)), _int(op, bins - 1))
    same = op.Equal(op.Unsqueeze(part, last), op.Range(_int(op, 0), _int(op, bins), _int(op, 1)))
    inside = op.And(op.GreaterOrEqual(values, low), op.LessOrEqual(values, high))
    counted = op.Cast(op.And(same, op.Unsqueeze(inside, last)), to=int(ir.DataType.INT64))
    return op.CastLike(op.ReduceSum(counted, first, keepdims=0), self)


def _operators() -> Any:
    from onnxscript import opset18

    return opset18


def _int(op: Any, number: int) -> Any:
    return op.Constant(value_int=number)


def _ints(op: Any, number: int) -> Any:
    return op.Constant(value_ints=[number])


__all__ = ["grouped_products"]
