"""Text that an ONNX file can hold: what UTF-8 has no bytes for is written out."""

from __future__ import annotations

import onnx_ir as ir

from ptgraph.onnx.writing.subgraphs import bodies, inner_nodes


def make_encodable(model: ir.Model) -> None:
    """Write out what a file cannot hold in the names and texts of *model*, in place (see `encodable`)."""
    for name, value in list(model.graph.initializers.items()):
        if encodable(name) != name:
            del model.graph.initializers[name]
            value.name = encodable(name)
            model.graph.initializers[value.name] = value
    graphs: list[ir.Graph | ir.Function] = [model.graph, *model.functions.values()]
    for graph in graphs:
        nodes = [node for outer in graph for node in (outer, *inner_nodes(outer))]
        held = [body for node in nodes for body in bodies(node)]
        for value in (v for part in (graph, *held, *nodes) for v in (*part.inputs, *part.outputs) if v is not None):
            if not value.is_initializer():
                value.name = encodable(value.name or "")
        items: list[ir.Node | ir.Function] = [*nodes, *([graph] if isinstance(graph, ir.Function) else [])]
        for item in items:
            item.name = encodable(item.name or "")
            item.doc_string = encodable(item.doc_string) if item.doc_string else None
            item.metadata_props.update({key: encodable(text) for key, text in item.metadata_props.items()})


def encodable(text: str) -> str:
    """Return *text* with lone surrogates, for which UTF-8 has no bytes, written out: ``\\ud800``."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


__all__ = ["encodable", "make_encodable"]
