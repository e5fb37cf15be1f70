"""Operators that torch.onnx translates into invalid or wrong ONNX, or not at all: a table for ``torch.onnx.export``.

A convolution without a bias gets a bias of zeros from torch.onnx, in three dimensions one of a wrong shape; here it has
none. An LSTM with projections becomes a Scan for each layer and direction, since the LSTM of ONNX knows no projection.
What is copied into a tensor of more dimensions gets its shape. An average pool has its divisor, a resize with
antialiasing its scale, and a loss its label smoothing. `searchsorted` and `bucketize` count smaller boundaries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch

from ptgraph.onnx.writing.torch_onnx_bridge import Translation, body_recorded, in_place_of, record, torchlib

_STACKS = {"aten::hstack", "aten::vstack", "aten::row_stack", "aten::dstack", "aten::column_stack"}
# Operators that torch.onnx translates into sequences, whose tensors must have one type, and get no shape.
DECOMPOSED = _STACKS | {f"aten::atleast_{rank}d.Sequence" for rank in (1, 2, 3)}
_SIZES = {"stride": 1, "padding": 0, "dilation": 1}
_CONVOLUTION = (*_SIZES, "groups")  # what may be given by order, after the tensors
_LSTM = ("has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")


def corrections() -> dict[Any, Translation]:
    """Return operator → its translation."""
    aten = torch.ops.aten
    return {
        aten.conv1d.default: _convolution(torchlib("aten_conv1d")),
        aten.conv2d.default: _convolution(torchlib("aten_conv2d")),
        aten.conv3d.default: _convolution(torchlib("aten_conv3d")),
        aten.lstm.input: _lstm(torchlib("aten_lstm")),
        aten.copy.default: _copy(torchlib("aten_copy")),
        aten.linalg_inv.default: _none,
        aten.linalg_cholesky.default: _none,
        aten.linalg_solve.default: _none,
        aten.linalg_lu_factor.default: _none,
        aten.avg_pool2d.default: _average_pool(torchlib("aten_avg_pool2d", "nn")),
        aten.avg_pool3d.default: _average_pool(torchlib("aten_avg_pool3d", "nn")),
        aten._upsample_bilinear2d_aa.default: _resized(torchlib("aten__upsample_bilinear2d_aa", "nn"), "linear"),
        aten._upsample_bicubic2d_aa.default: _resized(torchlib("aten__upsample_bicubic2d_aa", "nn"), "cubic"),
        aten._is_all_true.default: torchlib("aten_all"),
        aten._is_any_true.default: torchlib("aten_any"),
        aten.cross_entropy_loss.default: _cross_entropy(torchlib("aten_cross_entropy_loss", "nn")),
        aten._cdist_forward.default: _distances,
        aten.hypot.default: _hypotenuse,
        aten.squeeze.dim: _squeezed,
        aten.squeeze.dims: _squeezed,
        aten.index_put.default: _index_put(torchlib("aten_index_put")),
        aten._unsafe_index_put.default: _index_put(torchlib("aten_index_put")),  # of istft and fold
        aten.einsum.default: _einsum(torchlib("aten_einsum")),
        torch.ops.prims.prod.default: _product,
        torch.ops.prims.uniform.default: _uniform,
        torch.ops.prims.lgamma.default: _log_gamma,
        aten.lgamma.default: _log_gamma,
        aten.linalg_matrix_exp.default: _matrix_exponential,
        aten.rrelu_with_noise_functional.default: _rrelu,
        aten.searchsorted.Tensor: _searchsorted,
        aten.bucketize.Tensor: lambda values, boundaries, **named: _searchsorted(boundaries, values, **named),
    }


def _convolution(theirs: Any) -> Translation:
    from onnxscript import opset18 as op

    @in_place_of(theirs)
    def translation(input: Any, weight: Any, bias: Any = None, *rest: Any, **named: Any) -> Any:
        if bias is not None:
            return theirs(input, weight, bias, *rest, **named)
        given = dict(zip(_CONVOLUTION, rest, strict=False)) | named
        kernel = list(weight.shape[2:])
        stride, padding, dilation = ([*given.get(name, [default])] for name, default in _SIZES.items())
        attributes = {
            "strides": stride * (len(kernel) // len(stride)),
            "pads": 2 * padding * (len(kernel) // len(padding)),
            "dilations": dilation * (len(kernel) // len(dilation)),
            "group": given.get("groups", 1),
            "kernel_shape": kernel if all(isinstance(size, int) for size in kernel) else None,
        }
        if len(input.shape) == len(weight.shape):
            return op.Conv(input, weight, None, **attributes)
        axis: Any = op.Constant(value_ints=[0])
        return op.Squeeze(op.Conv(op.Unsqueeze(input, axis), weight, None, **attributes), axis)  # it has no batch

    return translation


def _average_pool(theirs: Any) -> Translation:
    from onnxscript import opset18 as op

    @in_place_of(theirs)
    def translation(
        self: Any,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = (0,),
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        if divisor_override is None:
            return theirs(self, kernel_size, stride, padding, ceil_mode, count_include_pad)
        rank = 2 if theirs.name.endswith("2d") else 3
        kernel, strides, pads = (
            [*given] * (rank // len(given)) for given in (kernel_size, stride or kernel_size, padding)
        )
        ends = list(pads)
        if ceil_mode:  # the last windows are filled up with zeros
            sizes = self.shape[-rank:]
            if not all(isinstance(size, int) for size in sizes):
                raise NotImplementedError("the size of an input of avg_pool with ceil_mode and divisor_override varies")
            for index, size in enumerate(sizes):
                room = size + 2 * pads[index] - kernel[index]
                last = -(-room // strides[index]) * strides[index]  # where the last window starts
                if last < size + pads[index]:
                    ends[index] += last - room
        outer = [0] * (len(self.shape) - rank)
        around: Any = op.Constant(value_ints=[*outer, *pads, *outer, *ends])
        padded = op.Pad(self, around) if any((*pads, *ends)) else self
        axis: Any = op.Constant(value_ints=[0])
        batched = len(self.shape) > rank + 1
        means = op.AveragePool(padded if batched else op.Unsqueeze(padded, axis), kernel_shape=kernel, strides=strides)
        scaled = op.Mul(means, math.prod(kernel) / divisor_override)
        return scaled if batched else op.Squeeze(scaled, axis)

    return translation


def _resized(theirs: Any, mode: str) -> Translation:
    from onnxscript import opset18 as op

    @in_place_of(theirs)
    def translation(
        self: Any, output_size: Any, align_corners: bool, scales_h: float | None = None, scales_w: float | None = None
    ) -> Any:
        if scales_h is None or scales_w is None or align_corners:
            return theirs(self, output_size, align_corners, scales_h, scales_w)
        scales: Any = op.Constant(value_floats=[1.0, 1.0, scales_h, scales_w])
        return op.Resize(
            self,
            None,
            scales,
            None,
            mode=mode,
            coordinate_transformation_mode="half_pixel",
            cubic_coeff_a=-0.5,
            antialias=1,
            exclude_outside=1,
        )

    return translation


def _cross_entropy(theirs: Any) -> Translation:
    @in_place_of(theirs)
    def translation(self: Any, target: Any, *rest: Any, **named: Any) -> Any:
        if named.get("label_smoothing") or len(rest) > 3:
            raise NotImplementedError("torch.onnx leaves label_smoothing out")
        return theirs(self, target, *rest, **named)

    return translation


def _distances(one: Any, other: Any, p: float, compute_mode: int | None = None) -> Any:
    from onnxscript import opset18 as op

    axes: list[Any] = [op.Constant(value_ints=[axis]) for axis in (-2, -3, -1)]
    rows, columns, last = axes
    between = op.Sub(op.Unsqueeze(one, rows), op.Unsqueeze(other, columns))
    norms: dict[float, Any] = {1.0: op.ReduceL1, 2.0: op.ReduceL2}
    if p not in norms:
        raise NotImplementedError(f"the norm of p = {p} has no operator")
    return norms[p](between, last, keepdims=False)


def _hypotenuse(one: Any, other: Any) -> Any:
    from onnxscript import opset18 as op

    return op.Sqrt(op.Add(op.Mul(one, one), op.Mul(other, other)))


def _product(values: Any, dims: Sequence[int] | None = None, output_dtype: Any = None) -> Any:
    from onnxscript import opset18 as op

    if not dims or output_dtype is not None:
        raise NotImplementedError("a product of all, or of another type")
    axes: Any = op.Constant(value_ints=list(dims))
    return op.ReduceProd(values, axes, keepdims=False)


def _squeezed(self: Any, dim: Any) -> Any:
    from onnxscript import opset18 as op

    dims = [dim] if isinstance(dim, int) else list(dim)
    axes = [each for each in dims if len(self.shape) and self.shape[each] == 1]  # torch keeps all others
    given: Any = op.Constant(value_ints=axes)
    return op.Squeeze(self, given) if axes else op.Identity(self)


def _log_gamma(values: Any) -> Any:
    """Stirling's series at x + 6, less the logarithms in between; below 0.5 by Euler's reflection."""
    from onnxscript import opset18 as op

    def number(value: float) -> Any:
        constant: Any = op.Constant(value_float=value)
        return op.CastLike(constant, values)

    below = op.Less(values, number(0.5))
    x = op.Where(below, op.Sub(number(1.0), values), values)
    z = op.Add(x, number(6.0))
    square = op.Mul(z, z)
    series = op.Div(op.Sub(number(1 / 12), op.Div(number(1 / 360), square)), z)
    found = op.Sub(op.Mul(op.Sub(z, number(0.5)), op.Log(z)), z)
    found = op.Add(op.Add(found, number(0.5 * math.log(2 * math.pi))), series)
    for shift in range(6):
        found = op.Sub(found, op.Log(op.Add(x, number(float(shift)))))
    sine = op.Abs(op.Sin(op.Mul(values, number(math.pi))))
    return op.Where(below, op.Sub(op.Sub(number(math.log(math.pi)), op.Log(sine)), found), found)


def _matrix_exponential(matrix: Any) -> Any:
    """Taylor's series of a 64th of the matrix, squared six times."""
    from onnxscript import opset18 as op

    size = matrix.shape[-1]
    if not isinstance(size, int):
        raise NotImplementedError("the size of the matrix varies")

    def like(constant: Any) -> Any:
        return op.CastLike(constant, matrix)

    identity: Any = ir.tensor(torch.eye(size).numpy())
    found = one = like(op.Constant(value=identity))
    part = op.Mul(matrix, like(op.Constant(value_float=1 / 64)))
    for step in range(10, 0, -1):
        found = op.Add(one, op.Mul(op.MatMul(part, found), like(op.Constant(value_float=1 / step))))
    for _ in range(6):
        found = op.MatMul(found, found)
    return found


def _index_put(theirs: Any) -> Translation:
    from onnxscript import opset18 as op

    @in_place_of(theirs)
    def translation(self: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
        given = list(indices)
        for position, index in enumerate(given):
            if index is not None and index.dtype == ir.DataType.INT32:  # ScatterND knows no indices of this type
                wide: Any = op.Cast(index, to=ir.DataType.INT64)
                wide.type, wide.shape = ir.TensorType(ir.DataType.INT64), index.shape
                given[position] = wide
        return theirs(self, given, values, accumulate)

    return translation


def _einsum(theirs: Any) -> Translation:
    from onnxscript import opset18 as op

    @in_place_of(theirs)
    def translation(equation: str, tensors: Sequence[Any], path: Sequence[int] | None = None) -> Any:
        types = {tensor.dtype for tensor in tensors}
        if len(types) > 1:
            floats = [dtype for dtype in types if dtype.is_floating_point()]
            widest = max(floats or types, key=lambda dtype: dtype.bitwidth)
            tensors = [tensor if tensor.dtype == widest else op.Cast(tensor, to=widest) for tensor in tensors]
        return theirs(equation, tensors)

    return translation


def _uniform(shape: Sequence[Any], *, low: float, high: float, dtype: int, **_: Any) -> Any:
    from onnxscript import opset18 as op

    if not all(isinstance(size, int) for size in shape):
        raise NotImplementedError("the size of random numbers varies")
    return op.RandomUniform(shape=list(shape), low=low, high=high, dtype=dtype)


def _none(*_: Any, **__: Any) -> Any:
    raise NotImplementedError("what torch would decompose this operator into has effects, which have no ONNX")


def _rrelu(self: Any, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, **_: Any) -> Any:
    from onnxscript import opset18 as op

    if training:
        raise NotImplementedError("rrelu is random in training")
    return [op.LeakyRelu(self, alpha=(lower + upper) / 2), noise]


def _searchsorted(boundaries: Any, values: Any, **named: Any) -> Any:
    """Count for each of *values* how many *boundaries* are smaller, or not larger: those of its row, or all."""
    from onnxscript import opset18 as op

    if boundaries.dtype != values.dtype or named.get("sorter") is not None:
        raise NotImplementedError("searchsorted of two types, or of what is not sorted")
    right = named.get("right") or named.get("side") == "right"
    last: Any = op.Constant(value_ints=[-1])
    each = op.Unsqueeze(values, last)
    above: Any = op.Constant(value_ints=[-2])
    rows = op.Unsqueeze(boundaries, above) if len(boundaries.shape) > 1 else boundaries
    below = op.LessOrEqual(rows, each) if right else op.Less(rows, each)
    count: Any = op.Cast(below, to=ir.DataType.INT32 if named.get("out_int32") else ir.DataType.INT64)
    return op.ReduceSum(count, last, keepdims=False)


def _lstm(theirs: Any) -> Translation:
    from onnxscript import opset18 as op

    @in_place_of(theirs)
    def translation(input: Any, hx: Any, params: Any, *rest: Any, **named: Any) -> Any:
        if hx[0].shape[2] == hx[1].shape[2]:
            return theirs(input, hx, params, *rest, **named)
        given = dict(zip(_LSTM, rest, strict=False)) | named
        bidirectional, batch_first = given["bidirectional"], given["batch_first"]
        count = 5 if given["has_biases"] else 3  # parameters of one layer in one direction
        directions = (0, 1) if bidirectional else (0,)
        results = op.Transpose(input, perm=[1, 0, 2]) if batch_first else input
        ends: list[tuple[Any, Any]] = []
        for _ in range(given["num_layers"]):
            found = []
            for reverse in directions:
                layer: Any = op.Constant(value_int=len(ends))
                start = [op.Gather(state, layer, axis=0) for state in hx]
                own = params[len(ends) * count : (len(ends) + 1) * count]
                hidden, cell, every = _projected(results, start, [state.shape for state in hx], own, reverse)
                ends.append((hidden, cell))
                found.append(every)
            results = op.Concat(*found, axis=2) if bidirectional else found[0]
        axes: Any = op.Constant(value_ints=[0])
        hiddens, cells = ([op.Unsqueeze(end[part], axes) for end in ends] for part in (0, 1))
        last = op.Concat(*hiddens, axis=0), op.Concat(*cells, axis=0)
        return op.Transpose(results, perm=[1, 0, 2]) if batch_first else results, *last

    return translation


def _projected(
    results: Any, start: Sequence[Any], shapes: Sequence[Any], params: Sequence[Any], reverse: int
) -> Sequence[Any]:
    """Return the last hidden state, the last cell state and every hidden state of one layer in one direction."""
    from onnxscript import opset18 as op

    into, recurrent, *biases, projection = params
    gates = op.MatMul(results, op.Transpose(into, perm=[1, 0]))
    for bias in biases:
        gates = op.Add(gates, bias)
    recurrent, projection = (op.Transpose(weight, perm=[1, 0]) for weight in (recurrent, projection))
    (_, batch, width), (_, _, size) = shapes
    kind = into.type
    hidden, cell, given = (
        ir.Value(name=name, type=kind, shape=ir.Shape([batch, length]))
        for name, length in (("hidden", width), ("cell", size), ("gates", 4 * size))
    )
    with body_recorded() as nodes:
        i, f, g, o = op.Split(op.Add(given, op.MatMul(hidden, recurrent)), axis=-1, num_outputs=4)
        new_cell = op.Add(op.Mul(op.Sigmoid(f), cell), op.Mul(op.Sigmoid(i), op.Tanh(g)))
        new_hidden = op.MatMul(op.Mul(op.Sigmoid(o), op.Tanh(new_cell)), projection)
        every = op.Identity(new_hidden)
    for value, length in ((new_hidden, width), (new_cell, size), (every, width)):
        value.type, value.shape = kind, ir.Shape([batch, length])
    body = ir.Graph([hidden, cell, given], [new_hidden, new_cell, every], nodes=nodes, name="step")
    directions = {"scan_input_directions": [reverse], "scan_output_directions": [reverse]}
    attributes: dict[str, Any] = {"body": body, "num_scan_inputs": 1, **directions}
    return record(ir.node("Scan", [*start, gates], attributes, num_outputs=3)).outputs


def _copy(theirs: Any) -> Translation:
    from onnxscript import opset18 as op

    @in_place_of(theirs)
    def translation(self: Any, src: Any, non_blocking: bool = False) -> Any:
        copied = theirs(self, src, non_blocking)
        return copied if self.shape == src.shape else op.Expand(copied, op.Shape(self))

    return translation


__all__ = ["DECOMPOSED", "corrections"]
