"""The flat graph of an ONNX file → the graph of operations, with what each reads, where it is and what it costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import networkx as nx
import onnx

from ptgraph.graph.model import Op, Shape
from ptgraph.graph.serialize import attributes
from ptgraph.onnx.metadata import FLOPS, metadata_of
from ptgraph.onnx.reading.control_flow import sliced, weigh
from ptgraph.onnx.reading.flat_graph import Flat, Node
from ptgraph.onnx.reading.flop_formulas import flops
from ptgraph.onnx.reading.module_scopes import source_of
from ptgraph.onnx.reading.parameters import Held, Weight
from ptgraph.onnx.reading.tensor_types import attribute_value, bytes_of, dtype_of, elements, tensor_value, type_of

_VIEWS = {"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}  # as in torch, they make no memory


class Operations:
    """``ops`` of `ModelGraph`, and the names of dimensions that may vary."""

    def __init__(self, model: onnx.ModelProto, flat: Flat, weights: Mapping[str, Weight], held: Held) -> None:
        self.flat, self.weights, self.held = flat, weights, held
        self.ops: nx.DiGraph[str] = nx.DiGraph()
        self._of_value: dict[str, tuple[str, int]] = {}  # a value → its operation, and which of its results it is
        self._states: dict[tuple[str, str], str] = {}  # kind and name of a weight → its node
        self._is_told = FLOPS in metadata_of(model)
        self._names = {node.name for node in flat.nodes}
        for info in model.graph.input:
            if info.name not in weights:
                shape, dtype = type_of(info.type)
                self._of_value[info.name] = self._add(Op("input", info.name, shape=shape, dtype=dtype), info.name), 0
        for node in flat.nodes:
            self._node(node)
        weigh(self.ops, flat.runs.calls, flat.runs.types, {node.call: self._steps(node) for node in flat.nodes})
        for name, value in flat.outputs:
            shape, dtype = type_of(flat.types.get(value))
            key = "output" if len(flat.outputs) == 1 else f"output_{name}"
            self._connect([(0, value)], self._add(Op("output", name, shape=shape, dtype=dtype), key), None)
        sizes = [size for op in self.ops.nodes.values() for size in op["shape"] or ()]
        self.dimensions = sorted({s for s in sizes if isinstance(s, str) and s.isidentifier()})

    def _node(self, node: Node) -> None:
        if node.proto.op_type == "Constant" and not node.domain:
            self._constant(node)
            return
        shape, dtype = type_of(self.flat.types.get(next((v for v in node.outputs if v), "")))
        plain = {name: attribute_value(attribute) for name, attribute in sorted(node.attributes.items())}
        said = metadata_of(node.proto)
        file, line = source_of(said)
        read = [(slot, value) for slot, value in enumerate(node.inputs) if value]
        parameters = {
            name: elements(self.weights[value].shape)
            for _, value in read
            for kind, name in [self.held.uses.get((node.name, value), ("constant", ""))]
            if kind == "parameter"
        }
        op = Op(
            kind="op",
            target=node.target,
            scope=self.flat.runs.calls[node.call].component,
            call=node.call,
            shape=shape,
            dtype=dtype,
            params=sum(parameters.values()),
            flops=self._flops(node, plain, said),
            activation_bytes=self._bytes(node),
            attributes=plain,
            file=file,
            line=line,
        )
        self._connect(read, self._add(op, node.name), node)
        self._of_value.update((value, (node.name, number)) for number, value in enumerate(node.outputs) if value)

    def _constant(self, node: Node) -> None:
        value = node.outputs[0]
        shape, dtype = type_of(self.flat.types.get(value))
        found = dict(node.attributes)
        tensor = found.pop("value", None)
        if tensor is not None:
            says = tensor_value(tensor.t)
            shape, dtype = tuple(tensor.t.dims), dtype_of(tensor.t.data_type)
        else:
            says = {"value": next(iter(map(attribute_value, found.values())), None)}
        name = self._add(Op("constant", node.name, shape=shape, dtype=dtype, attributes=says), node.name)
        self._of_value[value] = name, 0

    def _flops(self, node: Node, plain: dict[str, Any], said: dict[str, str]) -> int:
        if self._is_told:
            return int(said.get(FLOPS, 0))
        if node.domain not in ("", "com.microsoft"):
            return 0
        return flops(
            node.proto.op_type, [self._shape(v) for v in node.inputs], [*map(self._shape, node.outputs)], plain
        )

    def _steps(self, node: Node) -> int:
        """Return how often the body of *node* runs: a scan goes along a dimension of what it is given."""
        for number, dimension in sliced(node.proto, len(node.proto.input)).items():
            shape = self._shape(node.inputs[number]) or ()
            size = shape[dimension] if -len(shape) <= dimension < len(shape) else 1
            return size if isinstance(size, int) else 1
        return 1

    def _bytes(self, node: Node) -> int:
        if node.proto.op_type in _VIEWS:
            return 0
        return sum(bytes_of(*type_of(self.flat.types.get(value))) for value in node.outputs if value)

    def _shape(self, value: str) -> Shape | None:
        if value in self.weights:
            return self.weights[value].shape
        return type_of(self.flat.types.get(value))[0] if value else None

    def _connect(self, read: list[tuple[int, str]], name: str, node: Node | None) -> None:
        by_source: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for slot, value in read:
            source = self._source(value, node)
            if source is not None:
                by_source[source[0]].append((slot, source[1], value))
        for source_name, pairs in by_source.items():
            first = pairs[0][2]
            shape, dtype = type_of(self.flat.types.get(first))
            if first in self.weights:
                shape, dtype = self.weights[first].shape, dtype_of(self.weights[first].code)
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
        if value not in self.weights:
            return self._of_value.get(value)
        kind, name = self.held.uses.get((node.name if node is not None else "", value), ("constant", value))
        if (kind, name) not in self._states:
            weight = self.weights[value]
            says = tensor_value(weight.tensor) if kind == "constant" and weight.tensor is not None else {}
            op = Op(kind, name, shape=weight.shape, dtype=dtype_of(weight.code), attributes=says)
            self._states[kind, name] = self._add(op, name)
        return self._states[kind, name], 0

    def _add(self, op: Op, name: str) -> str:
        """Add an operation under *name*; another thing than an operation gives way to one of that name.

        A slash before a name is that of a module.
        """
        name = name.strip("/") or op.kind
        while name in self.ops or (op.kind not in ("op", "constant") and name in self._names):
            name += "_"
        self.ops.add_node(name, **attributes(op))
        return name


__all__ = ["Operations"]
