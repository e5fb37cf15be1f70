"""The parameters and FLOPs of each node of an ONNX file: what the file says of it, and the sidecar for Netron.

An operation that became several nodes counts once: a parameter on the first of them that reads it, FLOPs on those that
multiply. So the nodes of the main graph add up to the model, and those of a function to one call of it. A parameter
that several operations read, or several calls, counts for each. What was computed when the file was written has no
node: it counts for the model only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import onnx_ir as ir

from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.provenance import origin_of
from ptgraph.onnx.writing.subgraphs import inner_nodes, reads

_MULTIPLY = {"Attention", "Conv", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"}


class Count(NamedTuple):
    """What one node counts; the call of a function has what is in its module call."""

    parameters: int
    flops: int


class Counts(NamedTuple):
    """What each node counts, by pages; each function's first call; and the values that no input changes."""

    nodes: dict[ir.Node, Count]
    calls: dict[ir.Function, ir.Node]
    fixed: frozenset[ir.Value]


def count(model: ir.Model, graph: ModelGraph) -> Counts:
    """Count what the nodes of *model* are, which is *graph* as ONNX, callers before what they call."""
    pages = [list(model.graph), *map(list, model.functions.values())]
    calls: dict[ir.Function, ir.Node] = {}
    for node in (node for nodes in pages for node in nodes):
        if node.op_identifier() in model.functions:
            calls.setdefault(model.functions[node.op_identifier()], node)
    fixed = _fixed(model, graph, pages, calls)
    flops_of = _call_flops(graph)
    counts: dict[ir.Node, Count] = {}
    for nodes in pages:
        parts: dict[str | ir.Node, list[ir.Node]] = defaultdict(list)
        for node in nodes:
            parts[origin_of(node).op or node].append(node)
        found: dict[ir.Node, Count] = {}
        for part, made in parts.items():
            if isinstance(part, str):
                flops = graph.ops.nodes[part]["flops"]
            else:
                flops = flops_of[origin_of(part).call] if part.op_identifier() in model.functions else 0
            found.update(zip(made, map(Count, _parameters(made, fixed), _flops(made, flops)), strict=True))
        counts.update((node, found[node]) for node in nodes)
    return Counts(counts, calls, frozenset(fixed))


def _fixed(
    model: ir.Model, graph: ModelGraph, pages: Sequence[Sequence[ir.Node]], calls: dict[ir.Function, ir.Node]
) -> dict[ir.Value, int]:
    """Return the values that the inputs of the model do not change, each with the elements of the parameter it is."""
    sizes = {parameter.name: parameter.count for parameter in graph.parameters if parameter.kind == "parameter"}
    fixed = {value: sizes.get(name, 0) for name, value in model.graph.initializers.items()}
    for node in (node for nodes in pages for node in nodes):
        function = model.functions.get(node.op_identifier())
        if function is not None and calls[function] is node:
            given = zip(function.inputs, node.inputs, strict=True)
            fixed.update({formal: fixed[actual] for formal, actual in given if actual in fixed})
        if all(value in fixed for value in reads(node)):
            fixed.update(dict.fromkeys(node.outputs, 0))
    return fixed


def _call_flops(graph: ModelGraph) -> Counter[str]:
    """Return the FLOPs of each module call, with those of the calls in it."""
    flops: Counter[str] = Counter()
    for op in graph.ops.nodes.values():
        flops[op["call"]] += op["flops"]
    for key, call in reversed(graph.calls.items()):  # a call stands after the one that made it
        if call.parent is not None:
            flops[call.parent] += flops[key]
    return flops


def _parameters(made: Sequence[ir.Node], fixed: dict[ir.Value, int]) -> list[int]:
    """Return the parameters of each of the nodes that one operation became."""
    first = {value: node for node in reversed(made) for value in reads(node)}
    return [sum(fixed.get(value, 0) for value, reader in first.items() if reader is node) for node in made]


def _flops(made: Sequence[ir.Node], flops: int) -> list[int]:
    """Return the FLOPs of each of the nodes that one operation became."""
    workers = [n for n in made if any(part.op_type in _MULTIPLY for part in (n, *inner_nodes(n)))] or made
    share, rest = divmod(flops, len(workers))
    shares = dict.fromkeys(workers, share) | {workers[0]: share + rest}
    return [shares.get(node, 0) for node in made]


__all__ = ["Count", "Counts", "count"]
