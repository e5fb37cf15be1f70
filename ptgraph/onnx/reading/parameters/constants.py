"""Constant nodes that are weights: some programs write weights so, and they are read as initializers are."""

from __future__ import annotations

import onnx
from onnx import helper

from ptgraph.onnx.reading.flat_graph import Flat, Node
from ptgraph.onnx.reading.parameters.uses import is_weight, readers_of_values
from ptgraph.onnx.reading.tensor_types import dtype_of

_ADDED = {"Add", "Div", "Mul", "Sub"}


def weights_of_constants(flat: Flat) -> None:
    """Move the weights among the Constant nodes of *flat* to its ``constants``, in place.

    Weights are what operators read as such, and vectors that are added to a result or multiplied by one.
    """
    readers = readers_of_values(flat)
    kept = []
    for node in flat.nodes:
        tensor = _tensor(node)
        if tensor is None:
            kept.append(node)
            continue
        is_sparse = isinstance(tensor, onnx.SparseTensorProto)
        dtype = dtype_of(tensor.values.data_type if is_sparse else tensor.data_type)
        sizes = [*tensor.dims]
        value = node.outputs[0]
        is_vector = "float" in dtype and sum(size > 1 for size in sizes) == 1
        is_added = is_vector and any(reader.proto.op_type in _ADDED for reader, _ in readers.get(value, ()))
        many = any(size > 1 for size in sizes)
        if many and (is_added or is_weight(value, sizes, dtype, readers)):
            flat.constants[value] = tensor
        else:
            kept.append(node)
    flat.nodes[:] = kept


def _tensor(node: Node) -> onnx.TensorProto | onnx.SparseTensorProto | None:
    """Return the tensor of a Constant node, or None if *node* is something else, or yields a text or integers."""
    if node.proto.op_type != "Constant" or node.domain or not node.outputs or not node.outputs[0]:
        return None
    found = node.attributes
    if "value" in found:
        return found["value"].t
    if "sparse_value" in found:
        return found["sparse_value"].sparse_tensor
    if "value_floats" in found:
        numbers = found["value_floats"].floats
        return helper.make_tensor(node.outputs[0], onnx.TensorProto.FLOAT, [len(numbers)], numbers)
    return None


__all__ = ["weights_of_constants"]
