"""Constant folding: the values that follow from small constants, such as the sizes that a tensor is expanded to.

The shape inference of ONNX folds few operators; here, the reference implementation of ONNX computes the rest.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from ptgraph.common.interrupts import check as check_interrupt

log = logging.getLogger(__name__)
LARGEST = 64  # elements of a constant whose values may be sizes
_OPERATORS = {"Add", "And", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Floor", "Gather", "Greater"}
_OPERATORS |= {"Identity", "Less", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "ReduceProd", "Reshape", "Slice"}
_OPERATORS |= {"Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"}  # that yield no more than they are given


def computed(
    nodes: Iterable[onnx.NodeProto], known: Mapping[str, onnx.TensorProto], opsets: Mapping[str, int]
) -> dict[str, onnx.TensorProto]:
    """Return by name the values of *nodes*, which are in order, that follow from those that are *known*."""
    arrays = {name: array for name, tensor in known.items() if (array := _array(tensor)) is not None}
    found: dict[str, onnx.TensorProto] = {}
    for node in nodes:
        if node.domain or len(node.output) != 1:
            continue
        if node.op_type == "Constant":
            tensor = next((a.t for a in node.attribute if a.name == "value" and math.prod(a.t.dims) <= LARGEST), None)
            if tensor is not None and (array := _array(tensor)) is not None:
                arrays[node.output[0]] = array
        elif node.op_type in _OPERATORS and all(name in arrays for name in node.input if name):
            array = _evaluated(node, arrays, opsets)
            if array is not None and array.size <= LARGEST:
                arrays[node.output[0]] = array
                found[node.output[0]] = numpy_helper.from_array(array, node.output[0])
    return found


def _array(tensor: onnx.TensorProto) -> Any:
    """Return the values of a tensor, or None if they are in another file, damaged, or of a type that numpy lacks."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError):
        return None


def _evaluated(node: onnx.NodeProto, arrays: Mapping[str, Any], opsets: Mapping[str, int]) -> Any:
    """Return what *node* yields, or None if it does not fit its operator, or yields much."""
    given = {name: arrays[name] for name in node.input if name}
    graph = helper.make_graph(
        [node],
        "node",
        [onnx.ValueInfoProto(name=name) for name in given],
        [onnx.ValueInfoProto(name=node.output[0])],
    )
    try:
        if _most(node, [*given.values()]) > LARGEST**3:
            return None
        with np.errstate(all="ignore"):
            (result,) = ReferenceEvaluator(graph, dict(opsets)).run(None, given)
            return np.asarray(result)
    except Exception as error:  # the reference implementation raises exceptions of many classes for a wrong node
        check_interrupt(error)
        log.debug("%s is not computed", node.op_type, exc_info=True)
        return None


def _most(node: onnx.NodeProto, given: Sequence[Any]) -> int:
    """Return how many elements *node* may yield: each dimension may be that of another input."""
    if node.op_type == "ConstantOfShape":
        return math.prod(map(int, given[0].flatten()))
    sizes = [max(1, array.size) for array in given]
    return sum(sizes) if node.op_type == "Concat" else math.prod(sizes)


__all__ = ["LARGEST", "computed"]
