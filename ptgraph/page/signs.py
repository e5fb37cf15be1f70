"""Signs: the operations that the page draws as ⊕ and ⊗, as the figure does.

They join two values, or one and a parameter, element by element.
"""

from __future__ import annotations

from collections import defaultdict

from ptgraph.figure.figure_graph import WRITTEN
from ptgraph.figure.simplify import SIGNS
from ptgraph.graph.labels import op_title
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import View


def signs_of(graph: ModelGraph, view: View) -> dict[str, str]:
    """Return the boxes of *view* that are signs, each with ``+`` or ``×``."""
    reads: dict[str, set[str]] = defaultdict(set)
    for link in view.links:
        reads[link.target].add(link.source)
    found: dict[str, str] = {}
    nodes = graph.ops.nodes
    for box in view.boxes.values():
        if box.kind != "op" or box.op is None or box.op not in graph.ops or box.subtitle:
            continue
        sign = SIGNS.get(op_title(nodes[box.op]["target"]))
        parameters = {read for read in graph.ops.predecessors(box.op) if nodes[read]["kind"] == "parameter"}
        if sign is not None and len(reads[box.id]) + len(parameters) == 2:
            found[box.id] = WRITTEN[sign]
    return found


__all__ = ["signs_of"]
