"""Frames of a grid: a row above it for what leads into a frame, and the cells that each frame takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import networkx as nx

from ptgraph.figure.layout.grid.model import Cell, GridFrame

Around = Mapping[str, tuple[str, ...]]  # a box → the frames around it, the outermost first


def with_row_above(
    order: Sequence[str], flow: nx.DiGraph[str], rows: Mapping[str, range], around: Around
) -> dict[str, range]:
    """Return *rows* with one more on top: for a chain that leads into a frame, or that the only result of one leads to.

    Only boxes of the finest resolution in no frame stand there. *order* is that of the flow.
    """
    above: set[str] = set()
    finest = {name for name in order if rows[name] == range(1) and not around[name]}
    for name in reversed(order):
        if name in finest and len(flow.succ[name]) == 1 and len(flow.pred[name]) <= 1:
            (reader,) = flow.succ[name]
            if reader in above or (around[reader] and rows[reader].start == 0):
                above.add(name)
    results = {b for a, b in flow.edges if around[a] and not around[b]}
    for name in order if len(results) == 1 else ():
        if name in finest and len(flow.pred[name]) == 1 and len(flow.succ[name]) <= 1:
            (source,) = flow.pred[name]
            if source in above or (name in results and rows[source].start == 0):
                above.add(name)
    if not above:
        return dict(rows)
    return {name: range(1) if name in above else range(taken.start + 1, taken.stop + 1) for name, taken in rows.items()}


def frame_by_frame(between: nx.DiGraph[int], frames: Sequence[Sequence[str]]) -> list[int] | None:
    """Return the nodes of *between* in an order of the flow in which those of one outermost frame are together.

    *frames* has the frames around each. Return None if values flow out of a frame and back into it.
    """
    unit: dict[int, str | int] = {number: frames[number][0] if frames[number] else number for number in between}
    units: nx.DiGraph[str | int] = nx.DiGraph()
    units.add_nodes_from(unit[number] for number in between)
    units.add_edges_from((unit[a], unit[b]) for a, b in between.edges if unit[a] != unit[b])
    if not nx.is_directed_acyclic_graph(units):
        return None
    rank = {name: number for number, name in enumerate(units)}
    place = {name: at for at, name in enumerate(nx.lexicographical_topological_sort(units, key=rank.__getitem__))}
    order = nx.lexicographical_topological_sort(between, key=lambda number: number)
    return sorted(order, key=lambda number: place[unit[number]])


def frames_of(cells: Iterable[Cell], around: Around) -> tuple[GridFrame, ...] | None:
    """Return the frames around *cells*, the outer ones first.

    Return None if another box stands within one, or if one is a single cell, which says no more than a closed box.
    """
    inside: dict[str, list[Cell]] = {}
    everything = list(cells)
    for cell in everything:
        for name in around[cell.boxes[0]]:
            inside.setdefault(name, []).append(cell)
    found = tuple(
        GridFrame(
            name,
            min(cell.top for cell in own),
            max(cell.last for cell in own),
            min(cell.column for cell in own),
            max(cell.column for cell in own),
        )
        for name, own in sorted(inside.items(), key=lambda item: -len(item[1]))
    )
    for frame in found:
        own = {*inside[frame.name]}
        if len(own) == 1:
            return None
        if any(cell not in own and any(frame.holds(row, cell.column) for row in cell.rows) for cell in everything):
            return None
    return found


def splits_chain(flow: nx.DiGraph[str], rows: Mapping[str, range], around: Around) -> bool:
    """Return whether a chain of boxes of one resolution in one frame goes on in another frame within it."""
    return any(
        around[a] != around[b]
        and around[a][:1] == around[b][:1] != ()
        and rows[a] == rows[b]
        and len(flow.succ[a]) == 1 == len(flow.pred[b])
        for a, b in flow.edges
    )


__all__ = ["Around", "frame_by_frame", "frames_of", "splits_chain", "with_row_above"]
