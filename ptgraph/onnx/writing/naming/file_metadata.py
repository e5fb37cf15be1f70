"""What an ONNX file says of itself: producer, a sentence, the numbers of the model, and its module tree."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import version

import onnx

from ptgraph.graph.categories import category_of_type
from ptgraph.graph.labels import count_text
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.metadata import FLOPS, MODEL, PARAMETERS, TRACER, TREE, UNTRANSLATED, WEIGHTS, ModuleTree, tree_text
from ptgraph.onnx.options import Weights
from ptgraph.onnx.writing.naming.encodable import encodable


def describe_file(proto: onnx.ModelProto, graph: ModelGraph, kept: Weights, own: Collection[str]) -> None:
    """Set name, docstring and metadata of *proto*, in place; *kept* says where its weights are.

    *own* are the operators that have no ONNX.
    """
    root = graph.component("")
    info = graph.classes[root.type]
    weights = {"none": "no weights", "external": "weights beside it", "embedded": "weights inside"}
    proto.producer_name, proto.producer_version = "ptgraph", version("ptgraph")
    name = proto.graph.name = encodable(graph.name)
    proto.doc_string = "\n\n".join(
        [
            f"{name}: {info.name}, {root.total_params:,} parameters ({count_text(root.total_params)}), "
            f"{count_text(root.flops)}FLOPs a forward pass; {weights[kept]}.",
            *([encodable(info.doc)] if info.doc else []),
        ]
    )
    props = {
        MODEL: root.type,
        PARAMETERS: str(root.total_params),
        FLOPS: str(root.flops),
        TRACER: graph.tracer,
        WEIGHTS: kept,
        TREE: encodable(tree_text(_module_tree(graph))),
        **({UNTRANSLATED: encodable(", ".join(own))} if own else {}),
    }
    onnx.helper.set_model_props(proto, props)


def _module_tree(graph: ModelGraph) -> ModuleTree:
    categories: dict[str, str] = {}
    for path, component in graph.components.nodes(data=True):
        has_parts = graph.components.out_degree(path) > 0
        if category_of_type(component["type"], has_parts=has_parts, root=not path) != component["category"]:
            categories[component["type"]] = component["category"]
    named = {p.name for p in graph.parameters}
    return ModuleTree(
        modules={path: component["type"] for path, component in graph.components.nodes(data=True)},
        categories=categories,
        tied={p.name: p.tied_to for p in graph.parameters if p.tied_to is not None},
        buffers=[p.name for p in graph.parameters if p.kind == "buffer" and p.tied_to is None],
        constants=sorted(name for name in graph.program.constants if name not in named),
    )


__all__ = ["describe_file"]
