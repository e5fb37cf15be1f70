"""What a tensor of an ONNX file is used for: the nodes that read it, also behind those that only move or scale it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

from ptgraph.onnx.reading.flat_graph import Flat, Node
from ptgraph.onnx.reading.parameters.weight_slots import PRODUCTS, setting_slots, takes_integers, weight_slots

Readers = Mapping[str, Sequence[tuple[Node, int]]]
_MOVED = {"Cast", "CastLike", "DequantizeLinear", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Squeeze"}
_MOVED |= {"Transpose", "Unsqueeze"}
_SCALED = {"Div", "Mul", "Sub"}  # of integers, after a cast
_FEW_BITS = {"int2", "int4", "int8", "uint2", "uint4", "uint8"}  # of an integer that stands for a number


def readers_of_values(flat: Flat) -> dict[str, list[tuple[Node, int]]]:
    """Return the nodes that read each value, with the number of the input that it is."""
    found: dict[str, list[tuple[Node, int]]] = defaultdict(list)
    for node in flat.nodes:
        for slot, value in enumerate(map(flat.whole, node.inputs)):
            if value:
                found[value].append((node, slot))
    return dict(found)


def is_weight(value: str, sizes: Sequence[int], dtype: str, readers: Readers) -> bool:
    """Return whether an operator reads *value* as its weight: a tensor of *sizes*, 1 of those that are not known.

    Floats may be moved on the way, and cast, quantized and dequantized; a vector that becomes a factor of a product
    only so is none of its weights. Integers must be dequantized, be read by an operator that does so itself, or have
    few bits, and two dimensions or more: then, they may be cast and multiplied by their scale.
    """
    is_matrix = sum(size > 1 for size in sizes) > 1
    is_float = "float" in dtype
    is_packed = dtype in _FEW_BITS
    for node, slot, behind in _uses(value, readers, is_float, is_packed and is_matrix):
        if slot not in weight_slots(node):
            continue
        if is_float and (is_matrix or not behind or node.proto.op_type not in PRODUCTS):
            return True
        if takes_integers(node) or (is_packed and is_matrix):
            return True
    return False


def is_setting(value: str, readers: Readers, scales: Set[str]) -> bool:
    """Return whether *value* only says how operators compute: a scale, a zero point, a size.

    What is multiplied by one of *scales* is a scale, too.
    """
    uses = [(node, slot) for node, slot, _ in _uses(value, readers, True, False)]
    last = [(n, slot) for n, slot in uses if not (slot == 0 and n.proto.op_type in _MOVED)]
    return bool(last) and all(slot in setting_slots(n) or not scales.isdisjoint(n.inputs) for n, slot in last)


def dynamic_scales(flat: Flat) -> set[str]:
    """Return the scales that are computed when the model runs."""
    return {name for n in flat.nodes if n.proto.op_type == "DynamicQuantizeLinear" for name in n.outputs[1:] if name}


def _uses(value: str, readers: Readers, is_float: bool, scaled: bool) -> Iterator[tuple[Node, int, bool]]:
    """Yield the nodes that read *value*, the number of the input that it is, and whether another node is between."""
    moved = _MOVED | (set() if is_float else {"Gather"}) | (_SCALED if scaled else set())
    seen = {value}
    left = [value]
    while left:
        name = left.pop()
        for node, slot in readers.get(name, ()):
            yield node, slot, name != value
            result = node.outputs[0] if node.outputs else ""
            if slot == 0 and node.proto.op_type in moved and result not in seen:
                seen.add(result)
                left.append(result)


__all__ = ["Readers", "dynamic_scales", "is_setting", "is_weight", "readers_of_values"]
