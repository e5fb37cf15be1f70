"""The flow of a view: the operations that it draws, and the edges between them.

Its nodes have a ``target``, its edges a ``label``, the shape of the value, and ``slots``, which arguments of the target
it is.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import networkx as nx

from ptgraph.graph.dimensions import dimensions_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.traversal import edges_into
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


def no_ops(graph: ModelGraph) -> dict[str, str]:
    """Return the operations of *graph* that yield what they read, with its shape and type, and what each reads.

    That of the integer 0 is one, too: Python's ``sum`` starts with it. That of the real number 0.0 is none, as it may
    be the first of the times that a solver adds.
    """
    found = {}
    for name, op in graph.ops.nodes(data=True):
        starts_sum = op["target"] == "aten.add.Tensor" and repr(op["attributes"].get("other")) == "0"
        if op["target"] in _NO_OPS or starts_sum:
            reads = graph.ops.pred[name]
            values = [source for source in reads if graph.ops.nodes[source]["kind"] != "constant"]
            if len(values) == 1:
                edge = reads[values[0]]
                if edge["shape"] == op["shape"] and edge["dtype"] == op["dtype"]:
                    found[name] = values[0]
    return found


def drawn_flow(
    graph: ModelGraph, auxiliary: set[str], no_ops: Mapping[str, str], first_steps: Container[str] = ()
) -> nx.DiGraph[str]:
    """Return the flow of *graph*: the readers of an operation that is not drawn read the values that it reads.

    *no_ops* are those that yield what they read. Of the *auxiliary* operations that nothing reads, *first_steps* are
    drawn.
    """
    flow: nx.DiGraph[str] = nx.DiGraph()
    useful = useful_operations(graph, auxiliary, first_steps)
    drawn_sources: dict[str, list[str]] = {}  # an operation → the drawn ones that whoever reads it reads
    ops: dict[str, dict[str, Any]] = dict(graph.ops.nodes.items())
    edges = edges_into(graph.ops)
    for name, op in ops.items():
        if op["kind"] in ("parameter", "buffer", "constant") or name not in useful:
            continue
        values = [source for source in edges[name] if ops[source]["kind"] not in ("parameter", "buffer")]
        reads = [s for s in values if s not in auxiliary or not reads_size_only(graph, auxiliary, s, name)]
        if op["shape"] is None or _hands_on(graph, no_ops, name):  # a number of Python's has no shape, and is no box
            sources = [] if is_size(op["target"]) else reads
            drawn_sources[name] = [drawn for source in sources for drawn in drawn_sources.get(source, ())]
            continue
        drawn_sources[name] = [name]
        flow.add_node(name, target=op["target"])
        for source in reads:
            edge = edges[name][source]
            for drawn in drawn_sources.get(source, ()):
                feed(flow, drawn, name, dimensions_text(edge["shape"]), edge["slots"])
    return flow


def _hands_on(graph: ModelGraph, no_ops: Mapping[str, str], name: str) -> bool:
    """Return whether the readers of an operation read what it reads; a copy of a parameter is drawn as an operation."""
    return name in no_ops and graph.ops.nodes[no_ops[name]]["kind"] != "parameter"


def feed(flow: nx.DiGraph[str], source: str, target: str, label: str, slots: Iterable[int]) -> None:
    """Add an edge from *source* to *target*, or *slots* to the edge that there is, which keeps its label."""
    before = flow.get_edge_data(source, target)
    if before is None:
        flow.add_edge(source, target, label=label, slots=sorted({*slots}))
    else:
        before["slots"] = sorted({*before["slots"], *slots})


__all__ = ["drawn_flow", "feed", "no_ops"]
