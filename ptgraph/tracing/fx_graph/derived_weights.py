"""Derived weights: results that are still parameters, only cast, moved, selected or joined. They are no activations.

There are two kinds of them. One is a whole parameter in another dtype, layout or memory, whatever reads it. The other
is what is selected, gathered or joined from parameters alone, by indices from anywhere, and is read as nothing but a
matrix of products with activations, such as the weights of the experts that each token goes to, or as the bias that is
added to such a product. What is looked up to go on by itself, such as the rows of an embedding, is an activation, and
so is what is computed of parameters.
"""

from __future__ import annotations

from collections.abc import Callable
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

_SUMS = {"add", "add_", "__add__", "__radd__", "__iadd__"}


@dataclass(frozen=True, slots=True)
class _Weights:
    """What a value is that comes from parameters alone: whether a whole one, and whether of a stack of matrices."""

    whole: bool
    stack: bool


def count_no_weights(ops: nx.DiGraph[str]) -> None:
    """Set to 0 the activation bytes of those operations in *ops* (in topological order) whose results are weights."""
    weights: dict[str, _Weights] = {}
    fixed: set[str] = set()  # what no input has a say in, not even as an index
    for name, op in ops.nodes(data=True):
        moved = _parameter(op) if op["kind"] == "parameter" else _moved(ops, name, weights)
        if moved is not None:
            weights[name] = moved
        if op["kind"] != "input" and fixed.issuperset(ops.pred[name]):
            fixed.add(name)
    matrices = _read_as(ops, weights, lambda name, reader: _multiplies(ops, name, reader, weights, fixed))
    products = _products(ops, matrices - fixed)
    biases = _read_as(ops, weights, lambda name, reader: _added(ops, name, reader, products))
    for name in weights:
        if ops.nodes[name]["kind"] == "op" and (weights[name].whole or name in matrices or name in biases):
            ops.nodes[name]["activation_bytes"] = 0


def _read_as(ops: nx.DiGraph[str], weights: dict[str, _Weights], what: Callable[[str, str], bool]) -> set[str]:
    """Return the moved weights of which every reader, or every reader of what they are moved to, makes *what*."""
    found: set[str] = set()
    for name in reversed([name for name in weights if ops.nodes[name]["kind"] == "op"]):
        readers = ops.succ[name]
        if readers and all(reader in found or what(name, reader) for reader in readers):
            found.add(name)
    return found


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


def _products(ops: nx.DiGraph[str], matrices: set[str]) -> set[str]:
    """Return the products that *matrices* are read by, and what only moves their results."""
    found: set[str] = set()
    for name, op in ops.nodes(data=True):
        does, slots = _word(op), _slots(ops, name)
        if any(slots.get(slot) in matrices for slot in _PRODUCTS.get(does, ())) or (
            does in _COPIES | _SELECTS and slots.get(0) in found
        ):
            found.add(name)
    return found


def _added(ops: nx.DiGraph[str], name: str, reader: str, products: set[str]) -> bool:
    """Return whether *reader* adds *name* to one of *products*, or is one that does so itself."""
    does, slots = _word(ops.nodes[reader]), _slots(ops, reader)
    if does in _SUMS:
        return any(source in products for source in slots.values() if source != name)
    return reader in products and all(slots.get(slot) != name for slot in _PRODUCTS.get(does, (0,)))


def _slots(ops: nx.DiGraph[str], name: str) -> dict[int, str]:
    """Return slot → what feeds it."""
    return {slot: source for source, edge in ops.pred[name].items() for slot in edge["slots"]}


def _word(op: dict[str, Any]) -> str:
    """Return the name of an operator without its library and overload, or nothing for what is none."""
    steps = op["target"].split(".") if op["kind"] == "op" else [""]
    return steps[-2] if len(steps) == 3 and steps[0] != "torch" else steps[-1]


__all__ = ["count_no_weights"]
