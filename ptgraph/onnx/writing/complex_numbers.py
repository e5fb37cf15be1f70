"""Operators on complex numbers that torch.onnx cannot translate: a table for ``torch.onnx.export``.

In ONNX, a complex tensor is one of floats with one more dimension at the end: the real and the imaginary part.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import torch

from ptgraph.onnx.writing.torch_onnx_bridge import Translation, in_place_of, torchlib

_PARTS = {ir.DataType.COMPLEX64: ir.DataType.FLOAT, ir.DataType.COMPLEX128: ir.DataType.DOUBLE}


def complex_made() -> dict[Any, Translation]:
    """Return operators that make tensors of given sizes, which may be complex, with their translations."""
    aten = torch.ops.aten
    return {
        aten.zeros.default: _filled(torchlib("aten_zeros"), 1),
        aten.ones.default: _filled(torchlib("aten_ones"), 1),
        aten.new_zeros.default: _filled(torchlib("aten_new_zeros"), 2),
        aten.full.default: _filled(torchlib("aten_full"), 2),
    }


def complex_translations() -> dict[Any, Translation]:
    """Return operators on complex tensors with their translations."""
    aten = torch.ops.aten
    return {
        aten.select.int: _along(torchlib("aten_select"), 1),
        aten.slice_scatter.default: _along(torchlib("aten_slice_scatter"), 2),
        aten.select_scatter.default: _along(torchlib("aten_select_scatter"), 2),
        aten.unsqueeze.default: _along(torchlib("aten_unsqueeze"), 1),
        aten.expand.default: _expanded(torchlib("aten_expand")),
        aten.constant_pad_nd.default: _padded(torchlib("aten_constant_pad_nd")),
        aten.index.Tensor: torchlib("aten_index"),
        aten.exp.default: _exponential,
        aten.alias.default: _same,
        aten.copy.default: _copied,
        aten.bmm.default: torchlib("aten_matmul_complex"),
        aten.mm.default: torchlib("aten_matmul_complex"),
        aten.new_zeros.default: _filled(torchlib("aten_new_zeros"), 2),
    }


def _filled(theirs: Any, position: int) -> Translation:
    """Return the translation of an operator that has a dtype at *position* among its arguments."""
    from onnxscript import opset18 as op

    @in_place_of(theirs)
    def translation(*args: Any, **named: Any) -> Any:
        dtype = args[position] if len(args) > position else named.get("dtype", -1)
        if dtype not in _PARTS:
            return theirs(*args, **named)
        real = theirs(*args[:position], dtype=_PARTS[ir.DataType(dtype)])
        last: Any = op.Constant(value_ints=[-1])
        real = op.Unsqueeze(real, last)
        return op.Concat(real, op.Sub(real, real), axis=-1)

    return translation


def _along(theirs: Any, position: int) -> Translation:
    """Return the translation of an operator that works along one dimension, the argument at *position*."""

    @in_place_of(theirs)
    def translation(*args: Any, **named: Any) -> Any:
        dim = args[position] if len(args) > position else named.pop("dim", 0)
        dim = dim - 1 if dim < 0 else dim
        return theirs(*args[:position], dim, *args[position + 1 :], **named)

    return translation


def _expanded(theirs: Any) -> Translation:
    @in_place_of(theirs)
    def translation(self: Any, size: Any, **_: Any) -> Any:
        return theirs(self, [*size, 2])

    return translation


def _padded(theirs: Any) -> Translation:
    @in_place_of(theirs)
    def translation(self: Any, pad: Any, value: float = 0.0) -> Any:
        if value:
            raise NotImplementedError("a value would be added to the imaginary part, too")
        return theirs(self, [0, 0, *pad], 0.0)

    return translation


def _same(self: Any) -> Any:
    from onnxscript import opset18 as op

    return op.Identity(self)


def _copied(self: Any, src: Any, non_blocking: bool = False) -> Any:
    from onnxscript import opset18 as op

    if self.dtype != src.dtype or len(src.shape) == len(self.shape) - 1:
        raise NotImplementedError("real numbers are copied into complex ones")
    return op.Identity(src) if self.shape == src.shape else op.Expand(src, op.Shape(self))


def _exponential(self: Any) -> Any:
    from onnxscript import opset18 as op

    real, imaginary = op.Split(self, axis=-1, num_outputs=2)
    size = op.Exp(real)
    return op.Concat(op.Mul(size, op.Cos(imaginary)), op.Mul(size, op.Sin(imaginary)), axis=-1)


__all__ = ["complex_made", "complex_translations"]
