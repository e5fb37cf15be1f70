"""Metadata of ONNX nodes and local functions: modules, classes, operators, source lines, parameters and FLOPs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.metadata import CLASS, CLASS_HIERARCHY, FLOPS, MODULE, NAMESPACE, OPERATOR, PARAMETERS, SOURCE
from ptgraph.onnx.writing.function_outlining import is_call
from ptgraph.onnx.writing.node_costs import Counts
from ptgraph.onnx.writing.provenance import origin_of


def describe_node(node: ir.Node, graph: ModelGraph, chains: Mapping[str, Sequence[str]], shown: str) -> None:
    """Set the metadata of *node*, in place. *chains* has the calls around each call; *shown* is its module path."""
    origin = origin_of(node)
    props = node.metadata_props
    scope = graph.calls[origin.call].component
    paths = [graph.calls[call].component for call in chains[origin.call]]
    classes = [graph.components.nodes[path]["type"] for path in paths]
    props[NAMESPACE] = "/".join(
        f"{_with_stars(path, scope, shown) or graph.name}: {graph.classes[class_].name}"
        for path, class_ in zip(paths, classes, strict=True)
    )
    props[CLASS_HIERARCHY] = repr(classes)
    props[MODULE] = shown or graph.name
    props[CLASS] = classes[-1]
    if origin.op is not None:
        op = graph.ops.nodes[origin.op]
        props[OPERATOR] = op["target"]
        if op["file"]:
            props[SOURCE] = f"{op['file']}:{op['line']}"
    elif is_call(node) and graph.classes[classes[-1]].file:
        props[SOURCE] = f"{graph.classes[classes[-1]].file}:{graph.classes[classes[-1]].line}"


def _with_stars(path: str, scope: str, shown: str) -> str:
    """Return *path*, one of those above *scope*, with the stars that *shown* has."""
    steps = shown.split(".")
    count = len(path.split(".")) if path else 0
    same = len(steps) == len(scope.split(".")) and scope.startswith(path)
    return ".".join(steps[:count]) if same else path


def describe_function(function: ir.Function, graph: ModelGraph, type_: str, path: str) -> None:
    """Set docstring and metadata of the function that modules of the class *type_* at *path* are, in place."""
    function.doc_string = graph.classes[type_].doc or None
    function.metadata_props[MODULE] = path
    function.metadata_props[CLASS] = type_


def describe_costs(counts: Counts) -> None:
    """Set the parameters and FLOPs of each node but constants, in place."""
    for node, each in counts.nodes.items():
        if node.op_type != "Constant":
            node.metadata_props[PARAMETERS] = str(each.parameters)
            node.metadata_props[FLOPS] = str(each.flops)


__all__ = ["describe_costs", "describe_function", "describe_node"]
