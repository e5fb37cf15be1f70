"""Labels of operations: equal ones do the same to what they read, with weights of equal shapes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.traversal import edges_into

# Operators whose scales and zero points are weights, even if they are single numbers, by words in their names.
_SCALING = ("Quantize", "QLinear", "quantize", "q_scale", "onnx.Mul", "onnx.Div")
# Operators that take a part of a value: their attributes, and their slots, that say where the part begins and ends.
_PART_ATTRIBUTES = {"aten.select.int": ("index",), "aten.slice.Tensor": ("start", "end")}
_PART_SLOTS = {"onnx.Gather": (1,), "onnx.Slice": (1, 2)}
_PARTS = {"aten.unbind.int"}  # operators whose every output is a part of what they read
# Operators that work with a number as with a weight, or compare with it, and the attributes with that number.
_ARITHMETIC = {
    "add",
    "addcdiv",
    "addcmul",
    "div",
    "eq",
    "fill",
    "full",
    "full_like",
    "ge",
    "gt",
    "le",
    "lerp",
    "lt",
    "mul",
    "ne",
    "new_full",
    "rsub",
    "sub",
}
_NUMBERS = ("other", "alpha", "fill_value", "value", "weight")
# Words in the names of operators that are given sizes.
_RESHAPES = ("view", "reshape", "expand", "resize", "interpolate", "upsample")


def operation_labels(graph: ModelGraph, no_ops: Mapping[str, str]) -> dict[str, Hashable]:
    """Return a label for each operation of *graph*; those with equal labels may stand for each other in a picture.

    They have the same operator, attributes, shape and dtype, and read values of the same shapes and dtypes at the same
    slots. Weights are equal by shape and dtype: parameters, buffers, constants of several real numbers, and scales.
    Other constants are equal by value, such as sizes and exponents. A number that is added, subtracted, multiplied or
    divided by, compared with, or filled in, does not count: each step of a solver or a sampler has its own. Nor does it
    count which part of a value is taken, as each of several experts has an index of its own (see `part_taken`).
    *no_ops* yield what they read, which counts in their stead.
    """
    ops: dict[str, dict[str, Any]] = dict(graph.ops.nodes.items())
    edges = edges_into(graph.ops)
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
                    text = "" if _is_step_number(target, origin) else repr(origin["attributes"] or origin["shape"])
                    reads.append((slots, (), "constant", text))
                continue
            is_value = origin["kind"] in ("op", "input")
            of = edge if is_value else origin
            counts = origin["call"] == op["call"] and origin["target"] not in _PARTS
            outputs = tuple(edge["outputs"]) if counts else (0,)
            reads.append((slots, outputs, "value" if is_value else "weight", (of["dtype"], of["shape"])))
        attributes = op["attributes"]
        left_out = _NUMBERS if _is_arithmetic(target) else _PART_ATTRIBUTES.get(target, ())
        if left_out:
            attributes = {key: value for key, value in attributes.items() if key not in left_out}
        facts = target, op["dtype"], op["shape"], repr(attributes) if attributes else ""
        found[name] = (*facts, *sorted(reads, key=_slots))
    return found


@cache
def _is_arithmetic(target: str) -> bool:
    """Return whether the operator *target* does elementary arithmetic, or compares."""
    namespace, _, name = target.partition(".")
    return name.partition(".")[0].rstrip("_").lower() in _ARITHMETIC and namespace in ("aten", "onnx")


def _is_step_number(target: str, constant: dict[str, Any]) -> bool:
    """Return whether the operator *target* does arithmetic with a *constant* that is one real number."""
    return _is_arithmetic(target) and "float" in str(constant["dtype"]) and not constant["shape"]


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
    """Return which part of a value of its module an operation takes, or the empty string.

    That is the indices where it begins and ends, or the number of the output of an operator that takes things apart.
    """
    nodes = graph.ops.nodes
    op = nodes[name]
    apart = [source for source in graph.ops.predecessors(name) if nodes[source]["target"] in _PARTS]
    near = [source for source in apart if nodes[source]["call"] == op["call"]]
    outputs = [str(graph.ops.edges[source, name]["outputs"]) for source in near]
    if op["target"] not in _PART_ATTRIBUTES and op["target"] not in _PART_SLOTS:
        return " ".join(outputs)
    attributes = [str(op["attributes"].get(key)) for key in _PART_ATTRIBUTES.get(op["target"], ())]
    slots = _PART_SLOTS.get(op["target"], ())
    constants = [
        str(graph.ops.nodes[source]["attributes"])
        for source, edge in (graph.ops.pred[name].items() if slots else ())
        if edge["slots"][0] in slots
    ]
    return " ".join(attributes + constants + outputs)


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
