"""A draft: the boxes of a view and the flow between them, while a figure is simplified step by step."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import networkx as nx

from ptgraph.figure.figure_graph import Stub
from ptgraph.graph.labels import op_title
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.traversal import topological_order
from ptgraph.graph.view.model import Box, View
from ptgraph.graph.view.sums import SIGN

_NEVER_SMALL = {
    "ArgMax",
    "Softmax",
    "TopK",
    "_softmax",
    "argmax",
    "embedding",
    "multinomial",
    "softmax",
    "topk",
}


@dataclass(eq=False)
class Draft:
    """What is left of the *view* of a *graph*; the steps of a simplification change it in place.

    *flow* has the boxes without parts; its edges have a ``label`` and ``slots``. *order* is their rank in order of
    execution, *stubs* are the values that a box reads from no other box, and *parameters* the names of those that an
    operation reads itself.
    """

    graph: ModelGraph
    view: View
    boxes: dict[str, Box]
    flow: nx.DiGraph[str]
    order: dict[str, int]
    stubs: dict[str, dict[Stub, None]]
    parameters: dict[str, list[str]]

    def is_op(self, leaf: str) -> bool:
        return self.boxes[leaf].kind == "op"

    def target(self, leaf: str) -> str:
        """Return the short name of the operator of a box, or the empty string."""
        op = self.boxes[leaf].op
        return op_title(self.graph.op(op).target) if op is not None and op in self.graph.ops else ""

    def is_result(self, leaf: str) -> bool:
        """Return whether an output of the model reads a box."""
        return any(self.boxes[target].kind == "output" for target in self.flow.succ[leaf])

    def is_small(self, leaf: str) -> bool:
        """Return whether a box is an operation that may be one of several in a box."""
        box = self.boxes[leaf]
        small = self.is_op(leaf) and not box.params and not box.flops and self.target(leaf) not in _NEVER_SMALL
        return small and self.graph.kind.classes and box.title != SIGN

    def in_order(self) -> list[str]:
        """Return the boxes of the flow in topological order."""
        return topological_order(self.flow, self.order)


def draft(graph: ModelGraph, view: View) -> Draft:
    """Return the draft of all that is in *view*."""
    leaves = [box.id for box in view.boxes.values() if not box.parts and box.id != view.root]
    flow: nx.DiGraph[str] = nx.DiGraph()
    flow.add_nodes_from(leaves)
    for link in view.links:
        if link.source != link.target:
            flow.add_edge(link.source, link.target, label=link.label, slots=link.slots)
    parameters = {leaf: _parameters(graph, view.boxes[leaf]) for leaf in leaves if view.boxes[leaf].kind == "op"}
    order = {leaf: rank for rank, leaf in enumerate(leaves)}
    return Draft(graph, view, dict(view.boxes), flow, order, defaultdict(dict), parameters)


def _parameters(graph: ModelGraph, box: Box) -> list[str]:
    """Return the names, in their module, of the parameters that the operation of a box reads itself."""
    nodes = graph.ops.nodes
    reads = graph.ops.predecessors(box.op) if box.op is not None and box.op in nodes else ()
    return [nodes[read]["target"].rpartition(".")[2] for read in reads if nodes[read]["kind"] == "parameter"]


__all__ = ["Draft", "draft"]
