"""The text for Graphviz of a figure: each closed box is a node with room for its labels, each open one a cluster.

A node that is not a plain sign is a table: the box, the room for its stubs and for the shape of its value beside and
after it, and a port before and one after it, in which lines run straight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import graphviz

from ptgraph.figure.layout.dot.ways import Way
from ptgraph.figure.layout.routing_plan import Edge
from ptgraph.figure.layout.sizes import BoxSize
from ptgraph.figure.layout.spacing import PAD

POINTS = 72  # in an inch
_BEFORE, _AFTER = 8, 3  # points that a line runs straight before a box, with the head of its arrow, and after it
_BESIDE, _BELOW = 14, 7  # points between nodes beside and after each other


class Node(NamedTuple):
    """The room of a box in points: *left* and *right* of its body across the flow, *before* and *after* it along it."""

    left: int
    across: int
    right: int
    before: int
    along: int
    after: int

    @property
    def whole_across(self) -> int:
        """The room across the flow."""
        return self.left + self.across + self.right

    @property
    def whole_along(self) -> int:
        """The room along the flow."""
        return self.before + self.along + self.after


@dataclass(frozen=True)
class Cluster:
    """An open box: its *parts*, those that are open too among them, its *gates*, and the size of its title."""

    parts: tuple[str, ...]
    gates: Sequence[str]
    width: float
    height: float


def node(size: BoxSize) -> Node | None:
    """Return the room of a box of that *size*, or None for a sign with nothing beside it."""
    left, right = ceil(size.left - size.across / 2), ceil(size.right - size.across / 2)
    if size.round and not (left or right or size.after):
        return None
    return Node(left, ceil(size.across), right, _BEFORE, ceil(size.along), ceil(size.after) + _AFTER)


def graph_text(
    root: Iterable[str],
    sizes: Mapping[str, BoxSize],
    clusters: Mapping[str, Cluster],
    found: Mapping[Edge, Way],
    names: Mapping[str, str],
    *,
    down: bool,
) -> str:
    """Return the figure with the parts *root* in DOT; *names* has the name of each box, *found* the ways of lines."""
    graph = graphviz.Digraph(
        graph_attr={
            "rankdir": "TB" if down else "LR",
            "nodesep": f"{_BESIDE / POINTS:.4f}",
            "ranksep": f"{_BELOW / POINTS:.4f}",
            "margin": "0",
            "splines": "spline",
            "newrank": "true",
        },
        node_attr={"shape": "plain", "margin": "0"},
        edge_attr={"arrowhead": "none"},
    )
    _add(graph, root, sizes, clusters, names, down=down)
    start, end = ("s", "n") if down else ("e", "w")
    for (source, target), way in found.items():
        tail = names[source] + (f":o:{start}" if node(sizes[source]) else "")
        head = names[target] + (f":i:{end}" if node(sizes[target]) else "")
        starts = [tail, *(f"{gate}:{start}" for gate, _ in way.gates)]
        ends = [*(f"{gate}:{end}" for gate, _ in way.gates), head]
        for begin, stop, weight in zip(starts, ends, way.weights, strict=True):
            graph.edge(begin, stop, weight=str(weight))
    return str(graph.source)


def _add(
    graph: graphviz.Digraph,
    parts: Iterable[str],
    sizes: Mapping[str, BoxSize],
    clusters: Mapping[str, Cluster],
    names: Mapping[str, str],
    *,
    down: bool,
) -> None:
    for name in parts:
        if name in clusters:
            cluster = clusters[name]
            with graph.subgraph(name=names[name]) as inside:
                title = f"<{_table(_row(_cell(ceil(cluster.width), ceil(cluster.height))))}>"
                inside.attr(margin=f"{PAD:g}", label=title, labeljust="l")
                for gate in cluster.gates:
                    inside.node(gate, label="", shape="box", fixedsize="true", width="0.01", height="0.01")
                _add(inside, cluster.parts, sizes, clusters, names, down=down)
        elif (room := node(sizes[name])) is not None:
            graph.node(names[name], label=f"<{_down(room) if down else _right(room)}>")
        else:
            graph.node(names[name], label="", shape="circle", fixedsize="true", width=f"{sizes[name].across / POINTS}")


def _down(room: Node) -> str:
    """Return the table of a box in a figure that flows down."""
    rows = [
        _row(_cells((room.left, room.before), (room.across, room.before, "i"), (room.right, room.before))),
        _row(_cells((room.left, room.along), (room.across, room.along), (room.right, room.along))),
        _row(_cells((room.left, room.after), (room.across, room.after, "o"), (room.right, room.after))),
    ]
    return _table("".join(rows))


def _right(room: Node) -> str:
    """Return the table of a box in a figure that flows to the right."""
    rows = []
    for height, before, after in ((room.left, "", ""), (room.across, "i", "o"), (room.right, "", "")):
        if height:
            cells = (room.before, height, before), (room.along, height), (room.after, height, after)
            rows.append(_row(_cells(*cells)))
    return _table("".join(rows))


def _cells(*cells: tuple[int, int] | tuple[int, int, str]) -> str:
    return "".join(_cell(*cell) for cell in cells if cell[0])


def _cell(width: int, height: int, port: str = "") -> str:
    named = f' PORT="{port}"' if port else ""
    return f'<TD{named} FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"></TD>'


def _row(cells: str) -> str:
    return f"<TR>{cells}</TR>"


def _table(rows: str) -> str:
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE>'


__all__ = ["Cluster", "Node", "graph_text", "node"]
