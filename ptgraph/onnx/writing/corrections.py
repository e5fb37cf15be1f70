"""Operators that torch.onnx translates into invalid ONNX, translated right: a table for ``torch.onnx.export``.

A convolution without a bias gets a bias of zeros from torch.onnx, in three dimensions one of a wrong shape; here it has
none. An LSTM with projections becomes a Scan for each layer and direction, since the LSTM of ONNX knows no projection.
What is copied into a tensor of more dimensions gets its shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch

from ptgraph.onnx.writing.torch_onnx_bridge import Translation, body_recorded, in_place_of, record, torchlib

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


__all__ = ["corrections"]
