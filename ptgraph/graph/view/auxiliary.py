"""Auxiliary operations: those that handle only positions, masks and sizes, and see no weight and no other input."""

from __future__ import annotations

import re
from collections.abc import Container, Hashable, Mapping

from ptgraph.graph.model import ModelGraph, Op
from ptgraph.graph.traversal import edges_into

_SIZE_TARGETS = ("aten.sym_", "aten.size", "aten.stride", "aten.numel")
_SIZE_OPERATORS = {"onnx.Shape", "onnx.Size"}
# The arguments of an operator that are sizes, by number: torch has them as plain numbers.
_SIZE_SLOTS = {
    "onnx.ConstantOfShape": (0,),
    "onnx.Expand": (1,),
    "onnx.Pad": (1,),
    "onnx.Range": (0, 1, 2),
    "onnx.Reshape": (1,),
    "onnx.Resize": (1, 2, 3),
    "onnx.Slice": (1, 2, 3, 4),
    "onnx.Split": (1,),
    "onnx.Tile": (1,),
    "onnx.TopK": (1,),
}
_MASK = re.compile(r"mask|(?<![a-z])position")
_DISCRETE = {"int64", "int32", "int16", "int8", "uint8", "bool"}


def is_mask_input(op: Op) -> bool:
    """Return whether an input is one of positions or masks: its name says so, and it holds no real numbers."""
    return op.dtype in _DISCRETE and _MASK.search(op.target.lower()) is not None


def is_size(target: str) -> bool:
    """Return whether an operation of torch, by its *target*, asks a tensor for its size."""
    return target.startswith(_SIZE_TARGETS)


def auxiliary_operations(graph: ModelGraph) -> set[str]:
    """Return the operations, inputs and constants of *graph* that handle only positions, masks and sizes."""
    found: set[str] = set()
    edges = edges_into(graph.ops)
    for name, op in graph.ops.nodes(data=True):
        is_source = op["kind"] == "constant" or op["target"] in _SIZE_OPERATORS
        is_source |= op["kind"] == "input" and is_mask_input(graph.op(name))
        if is_source or (op["kind"] == "op" and found.issuperset(edges[name])):
            found.add(name)
    return found


def first_steps(graph: ModelGraph, auxiliary: set[str], labels: Mapping[str, Hashable]) -> set[str]:
    """Return the *auxiliary* operations whose module has others with the same of *labels* that are not auxiliary.

    They may belong to the first step of a loop that was unrolled, whose state is a constant there.
    """

    def kind(name: str) -> Hashable:
        return graph.calls[graph.ops.nodes[name]["call"]].component, labels[name]

    others = {kind(name) for name in labels if name not in auxiliary}
    return {name for name in labels if name in auxiliary and kind(name) in others}


def reads_size_only(graph: ModelGraph, auxiliary: set[str], source: str, name: str) -> bool:
    """Return whether the operation *name* reads the auxiliary *source* only as sizes."""
    if source not in auxiliary:
        return False
    slots = _SIZE_SLOTS.get(graph.ops.nodes[name]["target"], ())
    return all(slot in slots for slot in graph.ops.edges[source, name]["slots"])


def useful_operations(graph: ModelGraph, auxiliary: set[str], first_steps: Container[str] = ()) -> set[str]:
    """Return all operations but the auxiliary ones that lead only to sizes, or nowhere.

    Those of *first_steps* that nothing reads are useful, as those of later steps are drawn, too.
    """
    found: set[str] = set()
    ops = graph.ops
    for name in reversed(list(ops)):
        is_ours = name not in auxiliary or (name in first_steps and not ops.succ[name])
        if is_ours or ops.nodes[name]["kind"] == "input":
            found.add(name)
            continue
        readers = [target for target in ops.successors(name) if target in found]
        if not all(reads_size_only(graph, auxiliary, name, target) for target in readers):
            found.add(name)
    return found


__all__ = [
    "auxiliary_operations",
    "first_steps",
    "is_mask_input",
    "is_size",
    "reads_size_only",
    "useful_operations",
]
