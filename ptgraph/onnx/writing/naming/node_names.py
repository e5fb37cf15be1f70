"""Names of ONNX nodes and values, which are the module paths; and local functions made of their forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import onnx_ir as ir

from ptgraph.common.unique import unique
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.module_paths import moved
from ptgraph.graph.traversal import chains
from ptgraph.onnx.writing.function_outlining import Form, is_call
from ptgraph.onnx.writing.naming.function_names import common_path, function_names
from ptgraph.onnx.writing.naming.node_metadata import describe_function, describe_node
from ptgraph.onnx.writing.provenance import origin_of
from ptgraph.onnx.writing.subgraphs import bodies, inner_nodes


def name_main(main: ir.Graph, graph: ModelGraph, weights: Iterable[str]) -> None:
    """Name and describe the nodes of the main graph, in place.

    No value is called like one of *weights*, which are to be in the file.
    """
    taken = {*main.initializers, *weights}
    for value in main.inputs:
        value.name = _take(value.name or "x", taken)
    outputs = [op.target for op in map(graph.op, graph.of_kind("output"))]
    if len(outputs) == len(main.outputs) == len(set(main.outputs)):  # each is a value of its own
        for value, name in zip(main.outputs, outputs, strict=True):
            if value.producer() is not None:
                value.name = None if name in taken else name
    kept = {value for value in main.outputs if value.name}
    taken |= {value.name for value in kept if value.name}
    _name_nodes(list(main), graph, chains(graph.calls), "", "")
    _name_values(list(main), "", taken, kept)


def local_functions(graph: ModelGraph, forms: Sequence[Form], opset: int) -> list[ir.Function]:
    """Return the functions that *forms* become, with names and metadata, in the same order; their calls get them too.

    The nodes in a function that several modules share are named as if they were those of one module, whose path has
    stars.
    """
    above = chains(graph.calls)
    patterns: set[str] = set()
    functions = []
    for form, name in zip(forms, function_names(graph, forms), strict=True):
        domain = graph.classes[form.type].module or "model"
        for call in form.calls:
            call.domain, call.op_type = domain, name
        paths = list(dict.fromkeys(graph.calls[call].component for call in form.module_calls))
        path = common_path(paths, patterns)
        taken: set[str] = set()
        for value in (*form.inputs, *form.outputs):
            value.name = _take(value.name or "x", taken)
        _name_nodes(form.nodes, graph, above, paths[0], path)
        _name_values(form.nodes, path, taken, set(form.outputs))
        every = [node for outer in form.nodes for node in (outer, *inner_nodes(outer))]
        imports = {"": opset, **dict.fromkeys(sorted({node.domain for node in every if node.domain}), 1)}
        body = ir.Graph(form.inputs, form.outputs, nodes=form.nodes, opset_imports=imports)
        function = ir.Function(domain, name, graph=body, attributes=[])
        describe_function(function, graph, form.type, path)
        functions.append(function)
    return functions


def _name_nodes(
    nodes: Sequence[ir.Node], graph: ModelGraph, above: Mapping[str, Sequence[str]], own: str, path: str
) -> None:
    """Name and describe nodes, whose modules are below *own*, as if they were below *path*, in place."""
    taken: set[str] = set()
    counts = Counter(origin_of(node).call for node in nodes if node.op_type != "Constant")
    for node in nodes:
        origin = origin_of(node)
        is_module = is_call(node) or (counts[origin.call] == 1 and node.op_type != "Constant")
        scope = graph.calls[origin.call].component
        shown = moved(scope, own, path) if own else scope
        name = shown if is_module and scope != own else f"{shown}/{node.op_type}".removeprefix("/")
        node.name = _take(name, taken)
        describe_node(node, graph, above, shown)
        for inner in inner_nodes(node):
            inner.name = _take(f"{node.name}/{inner.op_type}", taken)


def _name_values(nodes: Sequence[ir.Node], path: str, taken: set[str], kept: Collection[ir.Value]) -> None:
    """Name what nodes yield after them, in place; those in *kept* have their names."""
    for node in (node for outer in nodes for node in (outer, *inner_nodes(outer))):
        for value in (value for body in bodies(node) for value in body.inputs):
            value.name = _take(value.name or "x", taken)
        name = node.name or ""
        local = name[len(path) :].lstrip("./") if path and name.startswith(path) else name
        for value in node.outputs:
            if value not in kept:
                value.name = _take(local or node.op_type, taken)


def _take(name: str, taken: set[str]) -> str:
    """Return *name*, with a number if it is taken, and take it."""
    free = unique(name, taken, first=1)
    taken.add(free)
    return free


__all__ = ["local_functions", "name_main"]
