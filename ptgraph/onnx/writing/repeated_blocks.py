"""Repeated blocks of a model: translated once, and copied for each other module call.

Where blocks repeat, a traced program holds one of them between the operators ``enter`` and ``leave``, and an operator
``repeat`` for each other (see `ptgraph.tracing.repeated_blocks`). In ONNX these become marker nodes, which are replaced
by copies of the nodes between the first two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import onnx_ir as ir
import torch
from torch import fx

from ptgraph.errors import ExportError
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.module_paths import is_within, moved
from ptgraph.onnx.writing.provenance import NodeOrigin, has_origin, origin_of, set_origin
from ptgraph.onnx.writing.shrink_program import Feed
from ptgraph.onnx.writing.torch_onnx_bridge import Translation, number_of, record
from ptgraph.tracing.program import traced_program

_DOMAIN = "ptgraph"  # of marker nodes

Value = ir.Value | None


class Block(NamedTuple):
    """The nodes of a module call that others repeat, the values that it is given, and those that it yields."""

    inputs: Sequence[Value]
    nodes: list[ir.Node]
    results: Sequence[Value]


class Repeat(NamedTuple):
    """A module call that repeats another: the two calls, and which operation became which."""

    source: str
    call: str
    ops: dict[str, str]


class Weights(NamedTuple):
    """The weights of the model by name, and what the names of tied ones are replaced by: the first of each tensor."""

    tensors: Mapping[str, torch.Tensor]
    first: Mapping[str, str]


def marker_translations() -> dict[Any, Translation]:
    """Return the translations of the operators that mark repeated blocks."""
    return {getattr(torch.ops.ptgraph, name).default: _marker(name) for name in ("enter", "leave", "repeat")}


def _marker(name: str) -> Translation:
    def translation(tensors: Sequence[ir.Value], *rest: Any) -> Any:
        mark = rest[:-1] if name == "leave" else rest[:1] if name == "repeat" else ()
        outputs = len(rest[-2].split(",")) if name == "repeat" else 1
        node = ir.Node(_DOMAIN, name, [*tensors, *mark], [ir.AttrString("id", rest[-1])], num_outputs=outputs)
        record(node)
        return list(node.outputs) if name == "repeat" else node.outputs[0]

    return translation


def markers_of(model: ir.Model) -> dict[ir.Node, int]:
    """Return the marker nodes of *model*, which torch.onnx has just made, each with the number of its FX node.

    Raises ExportError if one has none.
    """
    numbers = {node: number_of(node) for node in model.graph if node.domain == _DOMAIN}
    found = {node: number for node, number in numbers.items() if number is not None}
    if len(found) < len(numbers):
        raise ExportError("torch.onnx gives the nodes of repeated blocks another module than theirs; please report it")
    return found


def copy_repeated(
    model: ir.Model,
    graph: ModelGraph,
    markers: Mapping[ir.Node, int],
    chains: Mapping[fx.Node, Sequence[tuple[fx.Node, Feed]]],
    weights: Weights,
) -> None:
    """Replace the *markers* of repeated blocks by copies of the blocks, in place.

    *chains* are those of `ptgraph.onnx.writing.shrink_program.reduced`.
    """
    copier = _Copier(model, graph, weights)
    fx_nodes = list(traced_program(graph).nodes)
    whole: dict[str, Block] = {}
    entered: dict[str, Block] = {}
    for node in list(model.graph):
        made = [] if node in markers else [node]
        if node in markers:
            id_ = node.attributes["id"].as_string()
            if node.op_type == "enter" and id_ not in whole:
                entered[id_] = Block(node.inputs, [], [])
            elif node.op_type == "leave" and id_ in entered:
                whole[id_] = entered.pop(id_)._replace(results=node.inputs[:-1])
            elif node.op_type == "repeat":
                head = fx_nodes[markers[node]]
                made = copier.replace(node, id_, whole[id_], head, chains.get(head, ()))
        for block in entered.values():
            block.nodes.extend(made)
    for node in reversed(list(markers)):
        if node.graph is model.graph:  # the optimiser has removed those whose results nothing reads
            model.graph.remove(node, safe=True)
    model.opset_imports.pop(_DOMAIN, None)


class _Copier(NamedTuple):
    model: ir.Model
    graph: ModelGraph
    weights: Weights

    def replace(
        self, node: ir.Node, id_: str, block: Block, head: fx.Node, links: Sequence[tuple[fx.Node, Feed]]
    ) -> list[ir.Node]:
        """Put copies of *block* before a node that repeats it, one for *head* and one for each of *links*; return
        their nodes. What read the results of *node* reads those of the last copy.
        """
        made: list[ir.Node] = []
        first: list[Value] = list(node.inputs[:-1])
        values = first
        unlinked: Feed = [None] * len(first)
        for fx_node, feed in [(head, unlinked), *links]:
            _, call, ops = traced_program(self.graph).repeated[fx_node]
            given = [first[index] if result is None else values[result] for index, result in enumerate(feed)]
            nodes, values = self.copy(block, given, Repeat(traced_program(self.graph).first_calls[id_], call, ops))
            made += nodes
        self.model.graph.insert_before(node, made)
        for output, value in zip(node.outputs, values, strict=True):
            assert value is not None
            output.replace_all_uses_with(value, replace_graph_outputs=True)
        return made

    def copy(self, block: Block, given: Sequence[Value], repeat: Repeat) -> tuple[list[ir.Node], list[Value]]:
        """Return a copy of the nodes of *block* that reads the values *given*, and the results that it yields."""
        old, new = self.graph.calls[repeat.source].component, self.graph.calls[repeat.call].component
        ops = self.graph.ops.nodes
        calls = {repeat.source: repeat.call, **{ops[a]["call"]: ops[b]["call"] for a, b in repeat.ops.items()}}
        values: dict[ir.Value, ir.Value] = {
            value: other for value, other in zip(block.inputs, given, strict=True) if value and other
        }

        def copied(value: Value) -> Value:
            if value is None:
                return None
            name = value.name or ""
            if value not in values and name in self.weights.tensors and is_within(name, old):
                values[value] = self.weight(moved(name, old, new), value)
            return values.get(value, value)

        made = []
        for original in block.nodes:
            origin = origin_of(original)
            clone = ir.Node(
                original.domain,
                original.op_type,
                [copied(value) for value in original.inputs],
                [_copied_attribute(attribute, copied) for attribute in original.attributes.values()],
                num_outputs=len(original.outputs),
                version=original.version,
            )
            set_origin(clone, NodeOrigin(calls.get(origin.call, repeat.call), repeat.ops.get(origin.op or "")))
            for output, other in zip(original.outputs, clone.outputs, strict=True):
                other.shape, other.type = output.shape, output.type
                values[output] = other
            made.append(clone)
        return made, [copied(result) for result in block.results]

    def weight(self, name: str, like: ir.Value) -> ir.Value:
        """Return the initializer of a weight; it is made, with the type of *like*, if there is none yet."""
        first = self.weights.first.get(name, name)
        initializers = self.model.graph.initializers
        if first not in initializers:
            initializers[first] = ir.Value(name=first, shape=like.shape, type=like.type)
        return initializers[first]


def _copied_attribute(attribute: ir.Attr, copied: Callable[[Value], Value]) -> ir.Attr:
    """Return an attribute; the body of a branch or loop is cloned, and *copied* maps what it reads from outside."""
    if attribute.type != ir.AttributeType.GRAPH:
        return attribute
    body = attribute.as_graph().clone(allow_outer_scope_values=True)
    inside = {output for node in body.all_nodes() for output in node.outputs} | set(body.inputs)
    for node in body.all_nodes():
        if not has_origin(node):
            set_origin(node, NodeOrigin("", None))
        for index, value in enumerate(node.inputs):
            if value is not None and value not in inside:
                node.replace_input_with(index, copied(value))
    return ir.AttrGraph(attribute.name, body)


__all__ = ["Block", "Repeat", "Weights", "copy_repeated", "marker_translations", "markers_of"]
