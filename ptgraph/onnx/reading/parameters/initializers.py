"""The initializers of an ONNX file, also those in the bodies of branches and loops, and the nodes that read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import onnx
from onnx import SparseTensorProto, TensorProto

from ptgraph.graph.model import Shape
from ptgraph.onnx.reading.flat_graph import Flat, Node
from ptgraph.onnx.reading.tensor_types import dtype_of, sizes_of


@dataclass(frozen=True, slots=True)
class Initializer:
    """A tensor of the file. ``code`` is its element type in ONNX; ``tensor`` is None if the file lacks its values."""

    shape: Shape
    code: int
    tensor: TensorProto | None

    @property
    def is_float(self) -> bool:
        """Whether its elements are floating-point numbers."""
        return "float" in dtype_of(self.code)


def initializers_of(model: onnx.ModelProto, flat: Flat) -> dict[str, Initializer]:
    """Return the initializers by the value that they are in the flat graph."""
    tensors = {s.values.name: s for s in model.graph.sparse_initializer} | {t.name: t for t in model.graph.initializer}
    found = {name: _initializer(tensor) for name, tensor in {**tensors, **flat.constants}.items()}
    found.update((name, found[value]) for name, value in flat.copies.items())
    return found


def _initializer(tensor: TensorProto | SparseTensorProto) -> Initializer:
    if isinstance(tensor, SparseTensorProto):
        return Initializer(sizes_of(tensor.dims), tensor.values.data_type, None)
    has_values = tensor.data_location != TensorProto.EXTERNAL
    return Initializer(sizes_of(tensor.dims), tensor.data_type, tensor if has_values else None)


def readers_of(flat: Flat, initializers: Collection[str]) -> dict[str, list[tuple[Node, int]]]:
    """Return the nodes that read each initializer, with the number of the input that it is."""
    found: dict[str, list[tuple[Node, int]]] = defaultdict(list)
    for node in flat.nodes:
        for slot, value in enumerate(map(flat.whole, node.inputs)):
            if value in initializers:
                found[value].append((node, slot))
    return dict(found)


__all__ = ["Initializer", "initializers_of", "readers_of"]
