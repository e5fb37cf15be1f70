"""The flat graph of an ONNX file → the graph of operations: what each reads, its module call, and what it costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import onnx

from ptgraph.graph.model import Op, Shape
from ptgraph.graph.serialize import attributes
from ptgraph.onnx.metadata import FLOPS, metadata_of
from ptgraph.onnx.reading.contrib_flops import CONTRIB, contrib_flops
from ptgraph.onnx.reading.control_flow import sliced, weigh
from ptgraph.onnx.reading.flat_graph import Contradiction, Flat, Node
from ptgraph.onnx.reading.flop_formulas import flops
from ptgraph.onnx.reading.model_info import ModelInfo
from ptgraph.onnx.reading.module_scopes import source_of
from ptgraph.onnx.reading.parameters.initializers import Initializer
from ptgraph.onnx.reading.tensor_types import (
    UNKNOWN_SHAPE,
    UNKNOWN_SIZE,
    attribute_value,
    bytes_of,
    dtype_of,
    elements,
    sizes_of,
    tensor_value,
    type_of,
)
from ptgraph.onnx.reading.uncounted import NO_FORMULA, SHAPES, SIZES

_KNOWN_DOMAINS = {"", "ai.onnx.ml", *CONTRIB}
_VIEWS = {"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}  # as in torch, they make no memory


def operations(
    model: onnx.ModelProto, flat: Flat, initializers: Mapping[str, Initializer], info: ModelInfo
) -> nx.DiGraph[str]:
    """Return ``ops`` of `ModelGraph`. Raises Contradiction if FLOPs in the metadata of a node are no number."""
    calls = flat.module_calls
    builder = _Builder(flat, initializers, info, has_flops=FLOPS in metadata_of(model))
    for given in model.graph.input:
        if given.name not in initializers:
            shape, dtype = type_of(given.type)
            op = Op("input", given.name, shape=shape, dtype=dtype)
            builder.made_by[given.name] = builder.add(op, given.name), 0
    for node in flat.nodes:
        builder.add_node(node)
    weigh(builder.ops, calls.calls, calls.types, {node.call: builder.steps(node) for node in flat.nodes})
    for name, value in flat.outputs:
        shape, dtype = type_of(flat.types.get(value))
        key = "output" if len(flat.outputs) == 1 else f"output_{name}"
        builder.connect([(0, value)], builder.add(Op("output", name, shape=shape, dtype=dtype), key), None)
    return builder.ops


def named_dimensions(ops: nx.DiGraph[str]) -> list[str]:
    """Return the names of the dimensions that may vary."""
    sizes = [size for op in ops.nodes.values() for size in op["shape"] or ()]
    return sorted({size for size in sizes if isinstance(size, str) and size.isidentifier()})


@dataclass
class _Builder:
    """The graph of operations as far as it is built.

    ``made_by`` maps a value to its operation and the number of the result that it is; ``states`` the role and the
    name of an initializer to its node in the graph; ``has_flops`` is True if the metadata of nodes has their FLOPs.
    """

    flat: Flat
    initializers: Mapping[str, Initializer]
    info: ModelInfo
    has_flops: bool
    ops: nx.DiGraph[str] = field(default_factory=nx.DiGraph)
    made_by: dict[str, tuple[str, int]] = field(default_factory=dict)
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    node_names: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.node_names = {node.name for node in self.flat.nodes}

    def add_node(self, node: Node) -> None:
        if node.proto.op_type == "Constant" and not node.domain:
            self._constant(node)
            return
        shape, dtype = type_of(self.flat.types.get(next((v for v in node.outputs if v), "")))
        plain = {name: attribute_value(attribute) for name, attribute in sorted(node.attributes.items())}
        metadata = metadata_of(node.proto)
        file, line = source_of(metadata)
        read = [(slot, value) for slot, value in enumerate(node.inputs) if value]
        parameters = {
            name: elements(self.initializers[value].shape)
            for _, value in read
            for role, name in [self.info.roles.get((node.name, value), ("constant", ""))]
            if role == "parameter"
        }
        work, unknown = self._flops(node, plain, metadata)
        memory, unsized = self._bytes(node)
        op = Op(
            kind="op",
            target=node.target,
            scope=self.flat.module_calls.calls[node.call].component,
            call=node.call,
            shape=shape,
            dtype=dtype,
            params=sum(parameters.values()),
            flops=work,
            activation_bytes=memory,
            uncounted=unknown or unsized,
            attributes=plain,
            file=file,
            line=line,
        )
        self.connect(read, self.add(op, node.name), node)
        self.made_by.update((value, (node.name, number)) for number, value in enumerate(node.outputs) if value)

    def _constant(self, node: Node) -> None:
        value = node.outputs[0]
        shape, dtype = type_of(self.flat.types.get(value))
        found = dict(node.attributes)
        tensor = found.pop("value", None)
        if tensor is not None:
            says = tensor_value(tensor.t)
            shape, dtype = sizes_of(tensor.t.dims), dtype_of(tensor.t.data_type)
        else:
            says = {"value": next(iter(map(attribute_value, found.values())), None)}
        name = self.add(Op("constant", node.name, shape=shape, dtype=dtype, attributes=says), node.name)
        self.made_by[value] = name, 0

    def _flops(self, node: Node, plain: dict[str, Any], metadata: dict[str, str]) -> tuple[int, str]:
        """Return what *node* computes, and why that is not known in full, or the empty string."""
        if self.has_flops:
            try:
                return int(metadata.get(FLOPS, 0)), ""
            except ValueError as error:
                raise Contradiction(f"the node {node.name} has {metadata[FLOPS]!r} for its FLOPs") from error
        if node.domain not in _KNOWN_DOMAINS:
            return 0, NO_FORMULA
        formula = contrib_flops if node.domain in CONTRIB else flops
        given, made = ([self._shape(value) for value in values] for values in (node.inputs, node.outputs))
        shapes = [*given, *made]
        found = formula(node.proto.op_type, given, made, plain)
        if found is None:
            return 0, SHAPES if UNKNOWN_SHAPE in shapes else NO_FORMULA
        return found, SIZES if found and any(UNKNOWN_SIZE in (shape or ()) for shape in shapes) else ""

    def steps(self, node: Node) -> int:
        """Return how often the body of *node* runs: a scan goes along a dimension of what it is given."""
        for number, dimension in sliced(node.proto, len(node.proto.input)).items():
            shape = self._shape(node.inputs[number]) or ()
            size = shape[dimension] if -len(shape) <= dimension < len(shape) else 1
            return size if isinstance(size, int) else 1
        return 1

    def _bytes(self, node: Node) -> tuple[int, str]:
        """Return the bytes of what *node* yields, and why they are not known in full, or the empty string."""
        if node.proto.op_type in _VIEWS:
            return 0, ""
        types = [type_of(self.flat.types.get(value)) for value in node.outputs if value]
        reason = SIZES if any(UNKNOWN_SIZE in shape for shape, _ in types) else ""
        if any(shape == UNKNOWN_SHAPE and " " not in (dtype or "") for shape, dtype in types):  # a tensor's
            reason = SHAPES
        return sum(bytes_of(*each) for each in types), reason

    def _shape(self, value: str) -> Shape | None:
        if value in self.initializers:
            return self.initializers[value].shape
        return type_of(self.flat.types.get(value))[0] if value else None

    def connect(self, read: list[tuple[int, str]], name: str, node: Node | None) -> None:
        by_source: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for slot, value in read:
            source = self._source(value, node)
            if source is not None:
                by_source[source[0]].append((slot, source[1], value))
        for source_name, pairs in by_source.items():
            first = pairs[0][2]
            shape, dtype = type_of(self.flat.types.get(first))
            if first in self.initializers:
                shape, dtype = self.initializers[first].shape, dtype_of(self.initializers[first].code)
            self.ops.add_edge(
                source_name,
                name,
                slots=[slot for slot, _, _ in pairs],
                outputs=[output for _, output, _ in pairs],
                shape=shape,
                dtype=dtype,
            )

    def _source(self, value: str, node: Node | None) -> tuple[str, int] | None:
        value = self.flat.whole(value)
        if value not in self.initializers:
            return self.made_by.get(value)
        role, name = self.info.roles.get((node.name if node is not None else "", value), ("constant", value))
        if (role, name) not in self.states:
            initializer = self.initializers[value]
            tensor = initializer.tensor if role == "constant" else None
            op = Op(
                role,
                name,
                shape=initializer.shape,
                dtype=dtype_of(initializer.code),
                attributes={} if tensor is None else tensor_value(tensor),
            )
            self.states[role, name] = self.add(op, name)
        return self.states[role, name], 0

    def add(self, op: Op, name: str) -> str:
        """Add an operation under *name*; another thing than an operation gives way to one of that name.

        A slash before a name is that of a module.
        """
        name = name.strip("/") or op.kind
        while name in self.ops or (op.kind not in ("op", "constant") and name in self.node_names):
            name += "_"
        self.ops.add_node(name, **attributes(op))
        return name


__all__ = ["named_dimensions", "operations"]
