"""A layered layout of a network: nodes in rows below what feeds them, each module a frame around its parts.

It is a start for programs that lay out networks themselves. Graphviz would take minutes for a network of this size.
"""

from __future__ import annotations

from collections import defaultdict

import networkx as nx

from ptgraph.drawing.text_metrics import text_width

Links = dict[tuple[str, str], None]  # in order

_GAP, _MARGIN, _TITLE, _HEIGHT = 24.0, 16.0, 22.0, 30.0  # points


def place(network: nx.DiGraph[str]) -> None:
    """Give every node of *network* its centre ``x``, ``y``, its ``width`` and its ``height``, in points."""
    parts: dict[str, list[str]] = defaultdict(list)
    for name, node in network.nodes(data=True):
        parts[node.get("parent", "")].append(name)
    links = _links(network)
    start = {name: number for number, name in enumerate(network)}  # of a module, below: that of its first operation
    held = {name for name, node in network.nodes(data=True) if node["kind"] in ("parameter", "buffer", "constant")}
    spots: dict[str, tuple[float, float]] = {}

    def size(name: str) -> None:
        node = network.nodes[name]
        title = text_width(node["label"], 12) + _MARGIN
        width, height = title, _HEIGHT
        if name in parts:
            for part in parts[name]:
                size(part)
            start[name] = min((start[part] for part in parts[name] if part not in held), default=len(start))
            rows = _ranked(parts[name], links[name], start, held)
            width, height = _rows(network, rows, links[name], spots, title)
        node["width"], node["height"] = round(width, 1), round(height, 1)

    def move(name: str, left: float, top: float) -> None:
        node = network.nodes[name]
        node["x"], node["y"] = round(left + node["width"] / 2, 1), round(top + node["height"] / 2, 1)
        for part in parts.get(name, ()):
            move(part, left + spots[part][0], top + spots[part][1])

    for root in parts[""]:
        size(root)
        move(root, 0.0, 0.0)


def _links(network: nx.DiGraph[str]) -> dict[str, Links]:
    """Return for each module which of its parts feed which."""
    found: dict[str, Links] = defaultdict(dict)
    chains: dict[str, list[str]] = {}
    for name, node in network.nodes(data=True):  # a module stands before its parts
        chains[name] = [*chains.get(node.get("parent", ""), []), name]
    for source, target in network.edges:
        below = zip(chains[source], chains[target], strict=False)
        depth = next((k for k, (a, b) in enumerate(below) if a != b), 0)
        if depth:
            found[chains[source][depth - 1]][chains[source][depth], chains[target][depth]] = None
    return found


def _ranked(parts: list[str], links: Links, start: dict[str, int], held: set[str]) -> list[list[str]]:
    """Return the parts in rows, each below all that feed it; the values *held* are right above their first reader.

    A link back, to a part that has started before, is ignored.
    """
    above, below = defaultdict(list), defaultdict(list)
    for source, target in links:
        if start[source] < start[target]:
            above[target].append(source)
            below[source].append(target)
    order = sorted(parts, key=start.__getitem__)
    rank: dict[str, int] = {}
    for part in order:
        rank[part] = max((rank[source] + 1 for source in above[part]), default=0)
    for part in order:
        if part in held and below[part]:
            rank[part] = min(rank[target] for target in below[part]) - 1
    rows: dict[int, list[str]] = defaultdict(list)
    for part in order:
        rows[rank[part]].append(part)
    return [rows[number] for number in sorted(rows)]


def _rows(
    network: nx.DiGraph[str],
    rows: list[list[str]],
    links: Links,
    spots: dict[str, tuple[float, float]],
    title: float,
) -> tuple[float, float]:
    """Write into *spots* the upper left corner of each part in its frame; return the size of the frame."""
    nodes = network.nodes
    widths = [sum(nodes[part]["width"] for part in row) + _GAP * (len(row) - 1) for row in rows]
    inner = max([*widths, title])
    above = defaultdict(list)
    for source, target in links:
        above[target].append(source)
    middle: dict[str, float] = {}
    top = _TITLE + _MARGIN
    for row, width in zip(rows, widths, strict=True):
        feeding = {part: [middle[source] for source in above[part] if source in middle] for part in row}
        left = _MARGIN + (inner - width) / 2
        for part in sorted(row, key=lambda part: sum(feeding[part]) / max(len(feeding[part]), 1)):
            spots[part] = left, top
            middle[part] = left + nodes[part]["width"] / 2
            left += nodes[part]["width"] + _GAP
        top += max(nodes[part]["height"] for part in row) + _GAP
    return inner + 2 * _MARGIN, top - _GAP + _MARGIN


__all__ = ["place"]
