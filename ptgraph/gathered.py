"""Weights that are only moved about are no activations: the results of operations that are still parameters.

There are two kinds of them. One is a whole parameter in another dtype, layout or memory, whatever reads it. The other
is what is selected, gathered or joined from parameters alone, by indices from anywhere, and is read as nothing but a
matrix of products with activations, such as the weights of the experts that each token goes to. What is looked up to
go on by itself, such as the rows of an embedding, is an activation, and so is what is computed of parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx

_COPIES = {
    *("to", "_to_copy", "type_as", "float", "half", "bfloat16", "double", "contiguous", "clone", "detach", "alias"),
    *("view", "reshape", "_unsafe_view", "flatten", "unflatten", "unsqueeze", "squeeze", "transpose", "permute", "t"),
    *("T", "mT", "movedim", "moveaxis", "swapaxes", "swapdims", "view_as", "reshape_as", "lift_fresh_copy", "numpy_T"),
}
_SELECTS = {
    *("index", "index_select", "__getitem__", "getitem", "gather", "take_along_dim", "take", "embedding", "select"),
    *("slice", "narrow", "split", "split_with_sizes", "tensor_split", "chunk", "unbind", "expand", "expand_as"),
    *("repeat", "repeat_interleave", "tile", "broadcast_to", "flip", "roll", "as_strided", "diagonal"),
}
_JOINS = {"cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"}
_PRODUCTS = {  # operator → the slots of what it multiplies
    **dict.fromkeys(("mm", "bmm", "matmul", "__matmul__", "__rmatmul__", "mv", "dot", "inner", "linear"), (0, 1)),
    **dict.fromkeys(("_grouped_mm", "grouped_mm", "_scaled_mm", "_scaled_grouped_mm", "tensordot"), (0, 1)),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm", "addmv"), (1, 2)),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), (0, 1)),
    **dict.fromkeys(("bilinear", "einsum"), (0, 1, 2)),
}


@dataclass(frozen=True, slots=True)
class _Weights:
    """What a value is that comes from parameters alone: whether a whole one, and whether of a stack of matrices."""

    whole: bool
    stack: bool


def count_no_weights(ops: nx.DiGraph[str]) -> None:
    """Take the activation bytes from the operations in *ops*, which are in order, whose results are weights."""
    weights: dict[str, _Weights] = {}
    fixed: set[str] = set()  # what no input has a say in, not even as an index
    for name, op in ops.nodes(data=True):
        moved = _parameter(op) if op["kind"] == "parameter" else _moved(ops, name, weights)
        if moved is not None:
            weights[name] = moved
        if op["kind"] != "input" and fixed.issuperset(ops.pred[name]):
            fixed.add(name)
    matrices: set[str] = set()  # what is read as nothing but a matrix of products
    for name in reversed([name for name in weights if ops.nodes[name]["kind"] == "op"]):
        if ops.succ[name] and all(
            reader in matrices or _multiplies(ops, name, reader, weights, fixed) for reader in ops.succ[name]
        ):
            matrices.add(name)
        if weights[name].whole or name in matrices:
            ops.nodes[name]["activation_bytes"] = 0


def _parameter(op: dict[str, Any]) -> _Weights:
    return _Weights(whole=True, stack=len(op["shape"] or ()) > 2)


def _moved(ops: nx.DiGraph[str], name: str, weights: dict[str, _Weights]) -> _Weights | None:
    """Return what the result is if it is made of parameters that are only moved, or None."""
    does = _word(ops.nodes[name])
    if does not in _COPIES | _SELECTS | _JOINS:
        return None
    slots = _slots(ops, name)
    parts = [weights.get(source) for slot, source in slots.items() if slot == 0 or does in _JOINS]
    if not parts or None in parts:
        return None
    stacked = does == "stack" and len(ops.nodes[name]["shape"] or ()) > 2
    return _Weights(
        whole=does in _COPIES and all(part.whole for part in parts if part),
        stack=stacked or any(part.stack for part in parts if part),
    )


def _multiplies(ops: nx.DiGraph[str], name: str, reader: str, weights: dict[str, _Weights], fixed: set[str]) -> bool:
    """Return whether *reader* multiplies *name* as a matrix with an activation, and does nothing else with it.

    Of two factors that are both looked up, the one from a stack of matrices is the matrix.
    """
    factors = _PRODUCTS.get(_word(ops.nodes[reader]), ())
    slots = _slots(ops, reader)
    if any(source == name and slot not in factors for slot, source in slots.items()):
        return False
    others = [source for slot, source in slots.items() if slot in factors and source not in fixed | {name}]
    return any(other not in weights or weights[name].stack > weights[other].stack for other in others)


def _slots(ops: nx.DiGraph[str], name: str) -> dict[int, str]:
    """Return slot → what feeds it."""
    return {slot: source for source, edge in ops.pred[name].items() for slot in edge["slots"]}


def _word(op: dict[str, Any]) -> str:
    """Return the name of an operator without its library and overload, or nothing for what is none."""
    steps = op["target"].split(".") if op["kind"] == "op" else [""]
    return steps[-2] if len(steps) == 3 and steps[0] != "torch" else steps[-1]


__all__ = ["count_no_weights"]
