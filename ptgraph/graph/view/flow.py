"""The flow of a view: the operations that it draws, and the edges between them.

Its nodes have a ``target``, its edges a ``label``, the shape of the value, and ``slots``, which arguments of the target
it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx

from ptgraph.graph.dimensions import dimensions_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.auxiliary import is_size, reads_size_only, useful_operations

# Operations that yield what they read, unless its shape or type changes.
_NO_OPS = {
    "aten._to_copy.default",
    "aten.clone.default",
    "aten.contiguous.default",
    "aten.dropout.default",
    "aten.dropout_.default",
    "aten.to.device",
    "aten.to.dtype",
    "aten.to.dtype_layout",
    "onnx.Cast",
    "onnx.Dropout",
    "onnx.Identity",
}


def drawn_flow(graph: ModelGraph, auxiliary: set[str]) -> nx.DiGraph[str]:
    """Return the flow of *graph*: the readers of an operation that is not drawn read the values that it reads."""
    flow: nx.DiGraph[str] = nx.DiGraph()
    useful = useful_operations(graph, auxiliary)
    drawn_sources: dict[str, list[str]] = {}  # an operation → the drawn ones that whoever reads it reads
    for name, op in graph.ops.nodes(data=True):
        if op["kind"] in ("parameter", "buffer", "constant") or name not in useful:
            continue
        reads = _values_read(graph, auxiliary, name)
        if op["shape"] is None or _is_no_op(graph, name, reads):  # a number of Python's has no shape, and is no box
            sources = [] if is_size(op["target"]) else reads
            drawn_sources[name] = [drawn for source in sources for drawn in drawn_sources.get(source, ())]
            continue
        drawn_sources[name] = [name]
        flow.add_node(name, target=op["target"])
        for source in reads:
            edge = graph.ops.edges[source, name]
            for drawn in drawn_sources.get(source, ()):
                feed(flow, drawn, name, dimensions_text(edge["shape"]), edge["slots"])
    return flow


def _values_read(graph: ModelGraph, auxiliary: set[str], name: str) -> list[str]:
    """Return what an operation reads but for parameters, buffers and sizes."""
    ops = graph.ops
    values = [source for source in ops.predecessors(name) if ops.nodes[source]["kind"] not in ("parameter", "buffer")]
    return [source for source in values if not reads_size_only(graph, auxiliary, source, name)]


def _is_no_op(graph: ModelGraph, name: str, reads: list[str]) -> bool:
    """Return whether an operation yields what it reads, with its shape and type."""
    op = graph.ops.nodes[name]
    if op["target"] not in _NO_OPS or len(reads) != 1:
        return False
    edge = graph.ops.edges[reads[0], name]
    return bool(edge["shape"] == op["shape"] and edge["dtype"] == op["dtype"])


def feed(flow: nx.DiGraph[str], source: str, target: str, label: str, slots: Iterable[int]) -> None:
    """Add an edge from *source* to *target*, or *slots* to the edge that there is, which keeps its label."""
    before = flow.get_edge_data(source, target, {"label": label, "slots": []})
    flow.add_edge(source, target, label=before["label"], slots=sorted({*before["slots"], *slots}))


__all__ = ["drawn_flow", "feed"]
