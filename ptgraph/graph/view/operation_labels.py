"""Labels of operations: equal ones do the same to what they read, with weights of equal shapes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from ptgraph.graph.model import ModelGraph

# Operators whose scales and zero points are weights, even if they are single numbers, by words in their names.
_SCALING = ("Quantize", "QLinear", "quantize", "q_scale", "onnx.Mul", "onnx.Div")
# Operators that take a part of a value: their attributes, and their slots, that say where the part begins and ends.
_PART_ATTRIBUTES = {"aten.select.int": ("index",), "aten.slice.Tensor": ("start", "end")}
_PART_SLOTS = {"onnx.Gather": (1,), "onnx.Slice": (1, 2)}
# Words in the names of operators that are given sizes.
_RESHAPES = ("view", "reshape", "expand", "resize", "interpolate", "upsample")


def operation_labels(graph: ModelGraph, no_ops: Mapping[str, str]) -> dict[str, Hashable]:
    """Return a label for each operation of *graph*; those with equal labels may stand for each other in a picture.

    They have the same operator, attributes, shape and dtype, and read values of the same shapes and dtypes at the same
    slots. Weights are equal by shape and dtype: parameters, buffers, constants of several real numbers, and scales.
    Other constants are equal by value, such as sizes and exponents. Which part of a value is taken does not count, as
    each of several experts has an index of its own (see `part_taken`). *no_ops* yield what they read, which counts in
    their stead.
    """
    ops: dict[str, dict[str, Any]] = dict(graph.ops.nodes.items())
    edges = dict(graph.ops.reverse(copy=False).adjacency())
    found: dict[str, Hashable] = {}
    for name, op in ops.items():
        if op["kind"] != "op":
            continue
        target = op["target"]
        reads: list[tuple[Any, ...]] = []
        for source, edge in edges[name].items():
            slots: tuple[int, ...] = tuple(edge["slots"])
            origin = ops[_origin(source, no_ops)]
            if origin["kind"] == "constant" and not _is_weight(target, origin):
                if slots[0] not in _PART_SLOTS.get(target, ()):
                    reads.append((slots, (), "constant", repr(origin["attributes"] or origin["shape"])))
                continue
            is_value = origin["kind"] in ("op", "input")
            of = edge if is_value else origin
            outputs = tuple(edge["outputs"]) if origin["call"] == op["call"] else (0,)
            reads.append((slots, outputs, "value" if is_value else "weight", (of["dtype"], of["shape"])))
        attributes = op["attributes"]
        if target in _PART_ATTRIBUTES:
            attributes = {key: value for key, value in attributes.items() if key not in _PART_ATTRIBUTES[target]}
        facts = target, op["dtype"], op["shape"], repr(attributes) if attributes else ""
        found[name] = (*facts, *sorted(reads, key=_slots))
    return found


def _slots(read: tuple[Any, ...]) -> tuple[int, ...]:
    slots: tuple[int, ...] = read[0]
    return slots


def loosely(label: Hashable) -> Hashable:
    """Return the label of an operation without the sizes of the values that it reads and yields."""
    assert isinstance(label, tuple)
    target, dtype, _, attributes, *reads = label
    kept = [(slots, kind, "" if kind == "value" else text) for slots, _, kind, text in reads]
    if any(word in target.lower() for word in _RESHAPES):
        return target, dtype, "", *(read for read in kept if read[1] != "constant")
    return target, dtype, attributes, *kept


def part_taken(graph: ModelGraph, name: str) -> str:
    """Return which part of a value an operation takes: the indices where it begins and ends, or the empty string."""
    op = graph.ops.nodes[name]
    if op["target"] not in _PART_ATTRIBUTES and op["target"] not in _PART_SLOTS:
        return ""
    attributes = [str(op["attributes"].get(key)) for key in _PART_ATTRIBUTES.get(op["target"], ())]
    slots = _PART_SLOTS.get(op["target"], ())
    constants = [
        str(graph.ops.nodes[source]["attributes"])
        for source, edge in (graph.ops.pred[name].items() if slots else ())
        if edge["slots"][0] in slots
    ]
    return " ".join(attributes + constants)


def _origin(name: str, no_ops: Mapping[str, str]) -> str:
    while name in no_ops:
        name = no_ops[name]
    return name


def reads_weights(graph: ModelGraph, name: str) -> bool:
    """Return whether an operation reads weights of its own."""
    target, ops = graph.ops.nodes[name]["target"], graph.ops.nodes
    return any(
        ops[source]["kind"] in ("parameter", "buffer")
        or (ops[source]["kind"] == "constant" and _is_weight(target, ops[source]))
        for source in graph.ops.predecessors(name)
    )


def _is_weight(target: str, constant: dict[str, Any]) -> bool:
    """Return whether the operator *target* takes a constant for a weight: several real numbers, or a scale."""
    if any(word in target for word in _SCALING):
        return True
    is_real = constant["dtype"] is not None and "float" in constant["dtype"]
    return is_real and constant["shape"] is not None and any(size != 1 for size in constant["shape"])


__all__ = ["loosely", "operation_labels", "part_taken", "reads_weights"]
