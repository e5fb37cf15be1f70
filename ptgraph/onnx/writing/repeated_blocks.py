"""Copies of a translated block for each module call that repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import onnx_ir as ir
import torch

from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.provenance import NodeOrigin, origin_of


class Block(NamedTuple):
    """The nodes of a run that others repeat, and the values that it is given and yields."""

    inputs: Sequence[ir.Value | None]
    nodes: list[ir.Node]
    results: Sequence[ir.Value | None]


class Copy(NamedTuple):
    """A run that repeats another: the two calls, and which operation became which."""

    source: str
    call: str
    ops: dict[str, str]


def copy_block(
    graph: ModelGraph,
    model: ir.Model,
    block: Block,
    given: Sequence[ir.Value | None],
    copy: Copy,
    names: dict[str, str],
    weights: dict[str, torch.Tensor],
) -> tuple[list[ir.Node], list[ir.Value | None]]:
    """Return a copy of the nodes of *block*, for other inputs, and the results that they yield."""
    old, new = graph.calls[copy.source].component, graph.calls[copy.call].component
    ops = graph.ops.nodes
    calls = {copy.source: copy.call, **{ops[a]["call"]: ops[b]["call"] for a, b in copy.ops.items()}}
    values: dict[ir.Value, ir.Value] = {
        value: other for value, other in zip(block.inputs, given, strict=True) if value and other
    }

    def moved(value: ir.Value | None) -> ir.Value | None:
        if value is None or value in values:
            return values.get(value) if value is not None else None
        name = value.name or ""
        if name in weights and name.startswith(old + "."):
            own = new + name[len(old) :]
            values[value] = _weight(model, names.get(own, own), value)
        return values.get(value, value)

    made = []
    for original in block.nodes:
        place = origin_of(original)
        clone = ir.Node(
            original.domain,
            original.op_type,
            [moved(value) for value in original.inputs],
            [_moved_graph(attribute, moved) for attribute in original.attributes.values()],
            num_outputs=len(original.outputs),
            version=original.version,
        )
        clone.meta["place"] = NodeOrigin(calls.get(place.call, copy.call), copy.ops.get(place.op or ""))
        for output, other in zip(original.outputs, clone.outputs, strict=True):
            other.shape, other.type = output.shape, output.type
            values[output] = other
        made.append(clone)
    return made, [moved(result) for result in block.results]


def _weight(model: ir.Model, name: str, like: ir.Value) -> ir.Value:
    if name not in model.graph.initializers:
        model.graph.initializers[name] = ir.Value(name=name, shape=like.shape, type=like.type)
    return model.graph.initializers[name]


def _moved_graph(attribute: ir.Attr, moved: Any) -> ir.Attr:
    """Return an attribute; the body of a branch or loop is cloned, and reads from outside what *moved* says."""
    if attribute.type != ir.AttributeType.GRAPH:
        return attribute
    body = attribute.as_graph().clone(allow_outer_scope_values=True)
    inside = {output for node in body.all_nodes() for output in node.outputs} | set(body.inputs)
    for node in body.all_nodes():
        node.meta.setdefault("place", NodeOrigin("", None))
        for index, value in enumerate(node.inputs):
            if value is not None and value not in inside:
                node.replace_input_with(index, moved(value))
    return ir.AttrGraph(attribute.name, body)


__all__ = ["Block", "Copy", "copy_block"]
