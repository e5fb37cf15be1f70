"""Packed weights: several numbers of few bits in a byte. They are read with the shape that they have when unpacked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from onnx import TensorProto

from ptgraph.graph.model import Shape
from ptgraph.onnx.reading.contrib_flops import CONTRIB
from ptgraph.onnx.reading.flat_graph import Flat, Node
from ptgraph.onnx.reading.parameters.initializers import Initializer

_CODES = {2: getattr(TensorProto, "UINT2", TensorProto.UINT8), 4: TensorProto.UINT4, 8: TensorProto.UINT8}
_Unpack = Callable[[Node, Shape], tuple[Shape, int]]


def unpacked(flat: Flat, initializers: Mapping[str, Initializer]) -> dict[str, Initializer]:
    """Return *initializers*, the packed ones with the shape and the element type of the numbers in them."""
    found = dict(initializers)
    for node in flat.nodes:
        if node.domain not in CONTRIB:
            continue
        for slot, unpack in _PACKED.get(node.proto.op_type, {}).items():
            value = flat.whole(node.inputs[slot]) if slot < len(node.inputs) else ""
            own = initializers.get(value)
            if own is not None and own.code in (TensorProto.UINT8, TensorProto.INT8):
                shape, bits = unpack(node, own.shape)
                found[value] = replace(own, shape=shape, code=_CODES.get(bits, own.code))
    return found


def _by_attributes(node: Node, shape: Shape) -> tuple[Shape, int]:
    """[rows, blocks, bytes of a block] → [rows, columns], which the attributes say."""
    rows, columns = (node.attributes[name].i if name in node.attributes else 0 for name in ("N", "K"))
    if rows <= 0 or columns <= 0:
        return shape, 8
    return (rows, columns), _number(node, "bits", 4)


def _by_bits(*names: str) -> _Unpack:
    """[…, bytes] → […, numbers]; the first of the attributes *names* that is there says the bits of a number."""

    def unpack(node: Node, shape: Shape) -> tuple[Shape, int]:
        bits = next((number for name in names if (number := _number(node, name, 0))), 4)
        *rest, last = shape
        return (*rest, last * (8 // bits) if isinstance(last, int) else last), bits

    return unpack


def _number(node: Node, name: str, default: int) -> int:
    found = node.attributes.get(name)
    return found.i if found is not None and 0 < found.i <= 8 else default


_PACKED: dict[str, dict[int, _Unpack]] = {
    "MatMulNBits": {1: _by_attributes},
    "MatMulBnb4": {1: _by_attributes},
    "GatherBlockQuantized": {0: _by_bits("bits")},
    "QMoE": {slot: _by_bits(f"fc{n}_expert_weight_bits", "expert_weight_bits") for n, slot in ((1, 2), (2, 5), (3, 8))},
}

__all__ = ["unpacked"]
