"""The positions of boxes in a graph, by Graphviz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import graphviz

from ptgraph.common.graphviz_program import run

POINTS = 72  # Graphviz measures boxes in inches of 72 points; everything here is in points


@dataclass(frozen=True, slots=True)
class FlatGraph:
    """The sizes of numbered boxes, in points, and the edges between them."""

    sizes: tuple[tuple[float, float], ...]
    edges: tuple[tuple[int, int], ...]


def centres(graphs: Sequence[FlatGraph]) -> list[list[tuple[float, float]]]:
    """Return the centre of each box of each of *graphs*, in points, the y axis down. Raises what `run` does."""
    return _read_plain(run("\n".join(map(_dot, graphs)), "plain"))


def _dot(inside: FlatGraph) -> str:
    """Return the DOT text of a graph."""
    graph = graphviz.Digraph(
        graph_attr={"nodesep": "0.32", "ranksep": "0.42", "margin": "0"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    for k, (width, height) in enumerate(inside.sizes):
        graph.node(str(k), width=f"{width / POINTS:.4f}", height=f"{height / POINTS:.4f}")
    for source, target in inside.edges:
        graph.edge(str(source), str(target))
    return str(graph.source)


def _read_plain(text: str) -> list[list[tuple[float, float]]]:
    """Read Graphviz's plain format: one graph a block, inches, the y axis up."""
    found: list[list[tuple[float, float]]] = []
    height = 0.0
    at: dict[int, tuple[float, float]] = {}
    for line in text.splitlines():
        words = line.split()
        if words[0] == "graph":
            height, at = float(words[3]), {}
        elif words[0] == "node":
            at[int(words[1])] = float(words[2]) * POINTS, (height - float(words[3])) * POINTS
        elif words[0] == "stop":
            found.append([at[number] for number in sorted(at)])
    return found


__all__ = ["FlatGraph", "centres"]
