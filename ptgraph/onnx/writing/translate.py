"""ExportedProgram → one flat ONNX graph; every node knows its operation and its module call.

Weights are taken off before the optimiser runs. So no copy of one is folded, transposed or merged, and a model without
weights is translated like one with. A repeated block is translated once and copied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import onnx_ir as ir
import torch

from ptgraph.common.silence import quiet
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.provenance import origin_number, origins_written, read_origins
from ptgraph.onnx.writing.repeated_blocks import Block, Copy, copy_block
from ptgraph.onnx.writing.shrink_program import Feed, reduced
from ptgraph.onnx.writing.torch_onnx_bridge import DOMAIN, explained, to_onnx

LARGEST_CONSTANT = 2**24  # elements of a constant that is compared with others


class Translated(NamedTuple):
    """A flat model, and all weights by their first ``state_dict`` name (its initializers have no values of them)."""

    model: ir.Model
    weights: dict[str, torch.Tensor]


def translate(graph: ModelGraph, opset: int, *, fold: bool = True) -> Translated:
    """Return *graph* as flat ONNX of the given opset, its nodes placed (see `place_of`).

    With *fold*, what is constant is computed. Raises ExportError where an operator has no translation.
    """
    state = {**graph.program.state_dict, **graph.program.constants}
    order = list(graph.origins.nodes)
    with explained(graph.name):
        with origins_written(graph):
            program, chains, states = reduced(graph.program, graph.origins.repeated)
            model = to_onnx(program, opset)
        _rename(model, states)
        held = _take_weights(model, state)
        marks = [node for node in model.graph if node.domain == DOMAIN]
        numbers = {node: origin_number(node) for node in marks}
        _optimize(model, fold=fold)
    marks = [node for node in marks if node.graph is model.graph]  # those that something repeats
    read_origins(model, list(graph.origins.nodes.values()))
    names = {p.name: p.tied_to or p.name for p in graph.parameters}
    _merge_tied(model, names)
    tensors = {**{name: t for name, t in state.items() if isinstance(t, torch.Tensor)}, **held}
    weights = {names.get(name, name): tensor for name, tensor in tensors.items()}
    blocks: dict[str, Block] = {}
    open_: dict[str, Block] = {}
    for node in list(model.graph):
        id_ = node.attributes["id"].as_string() if node in numbers else ""
        if node not in numbers:
            made = [node]
        elif node.op_type == "enter":
            made = []
            if id_ not in blocks:
                open_[id_] = Block(node.inputs, [], [])
        elif node.op_type == "leave":
            made = []
            if id_ in open_:
                blocks[id_] = open_.pop(id_)._replace(results=node.inputs[:-1])
        else:
            head, made, values = order[numbers[node] or 0], [], list(node.inputs[:-1])
            first = list(values)
            unlinked: Feed = [None] * len(values)
            for run, feed in [(head, unlinked), *chains.get(head, [])]:
                _, call, ops = graph.origins.repeated[run]
                copy = Copy(graph.origins.runs[id_], call, ops)
                given = [first[i] if result is None else values[result] for i, result in enumerate(feed)]
                nodes, values = copy_block(graph, model, blocks[id_], given, copy, names, weights)
                made += nodes
            model.graph.insert_before(node, made)
            for output, value in zip(node.outputs, values, strict=True):
                assert value is not None
                output.replace_all_uses_with(value, replace_graph_outputs=True)
        for block in open_.values():
            block.nodes.extend(made)
    for node in reversed(marks):
        model.graph.remove(node, safe=True)
    ir.passes.common.RemoveUnusedNodesPass()(model)
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()  # what torch.onnx and the optimiser say of their own work
    model.graph.metadata_props.clear()
    model.opset_imports.pop(DOMAIN, None)
    return Translated(model, weights)


def _rename(model: ir.Model, names: dict[str, str]) -> None:
    """Give initializers the names that *names* has for theirs, in place."""
    for old, new in names.items():
        value = model.graph.initializers.pop(old, None)
        if value is not None:
            value.name = new
            model.graph.initializers[new] = value


def _take_weights(model: ir.Model, state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Take the values of the model's state, and of all that has none, off the initializers; return them."""
    held = {}
    for name, value in model.graph.initializers.items():
        tensor = state.get(name, getattr(value.const_value, "raw", None))
        if isinstance(tensor, torch.Tensor) and (name in state or tensor.is_meta):
            held[name] = tensor
            value.const_value = None
    return held


def _optimize(model: ir.Model, *, fold: bool) -> None:
    """Fold what is constant, with *fold*, and drop what is unused, in place.

    These are onnxscript's own passes without its pattern rewriter, whose time grows with the square of the nodes,
    and without merging equal expressions, which would join what different modules do.
    """
    from onnx_ir.passes import common
    from onnxscript.optimizer import fold_constants

    with quiet():
        common.InlinePass()(model)
        if fold:
            fold_constants(model, onnx_shape_inference=True)
        ir.passes.Sequential(
            common.RemoveUnusedNodesPass(),
            common.RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]  # onnx_ir left it untyped
            common.RemoveUnusedOpsetsPass(),
            common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
            common.LiftSubgraphInitializersToMainGraphPass(),
            common.DeduplicateInitializersPass(size_limit=LARGEST_CONSTANT),
        )(model)


def _merge_tied(model: ir.Model, names: dict[str, str]) -> None:
    """Let all readers of a tied parameter read the first of its names, in place (torch.onnx keeps the last)."""
    initializers = model.graph.initializers
    for name, first in names.items():
        if first == name or name not in initializers:
            continue
        value = initializers.pop(name)
        if first in initializers:
            value.replace_all_uses_with(initializers[first])
        else:
            value.name = first
            initializers[first] = value


__all__ = ["Translated", "translate"]
