"""Ways of lines through frames: a skip into a frame, or out of one, passes a gate in it, so that it stays inside.

Without a gate, Graphviz leads such a line past the frame, and into it beside the box that it ends at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.routing_plan import Edge

_SPINE, _SHORT, _LONG = 8, 2, 1  # how much a line is to be straight and short: an edge, and a skip at and after gates


@dataclass(frozen=True)
class Way:
    """The *gates* that a line passes, each by its name and its frame, and the *weights* of its parts."""

    gates: tuple[tuple[str, str], ...]
    weights: tuple[int, ...]


def ways(figure: FigureGraph, edges: Sequence[Edge]) -> dict[Edge, Way]:
    """Return the way of each edge."""
    skips = _skips(edges)
    return {
        edge: _way_of_skip(figure, edge, number) if edge in skips else Way((), (_SPINE,))
        for number, edge in enumerate(edges)
    }


def _way_of_skip(figure: FigureGraph, edge: Edge, number: int) -> Way:
    above, below = figure.chain(edge.source)[1:], figure.chain(edge.target)[1:]
    gates, weights = [], [_LONG]
    if above[0] not in below:
        gates.append((f"out{number}", above[0]))
        weights.append(_SHORT)
    if below[0] not in above:
        gates.append((f"in{number}", below[0]))
        weights = [*weights[:-1], _SHORT, _LONG]
    return Way(tuple(gates), tuple(weights))


def gates_by_frame(found: Mapping[Edge, Way]) -> dict[str, list[str]]:
    """Return the names of the gates in each frame."""
    gates: dict[str, list[str]] = {}
    for way in found.values():
        for gate, frame in way.gates:
            gates.setdefault(frame, []).append(gate)
    return gates


def _skips(edges: Sequence[Edge]) -> set[Edge]:
    """Return the edges between boxes that are joined by others, too: they bend, and the others run straight."""
    flow = nx.DiGraph(edges)
    if not nx.is_directed_acyclic_graph(flow):
        return set()
    straight = nx.transitive_reduction(flow)
    return {edge for edge in edges if not straight.has_edge(*edge)}


__all__ = ["Way", "gates_by_frame", "ways"]
