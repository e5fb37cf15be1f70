"""Cells: which boxes of a figure stand in which row and column of a grid of resolutions.

The invariant: a row holds the boxes whose values have one resolution, the finest on top. Along a row values flow to the
right only; from row to row they may stay in a column. So the column of a box is the most values that lead along rows on
a path to it. A chain of boxes of one resolution is a stack in one cell. A box whose values have several resolutions, or
none of the grid and readers in several rows, spans those rows. A frame takes a rectangle of cells that are its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import networkx as nx

from ptgraph.figure.layout.grid.frames import Around, frame_by_frame, frames_of, splits_chain, with_row_above
from ptgraph.figure.layout.grid.model import Cell, Grid
from ptgraph.figure.layout.grid.rows import LEVELS, rows_of
from ptgraph.graph.traversal import topological_order
from ptgraph.graph.view.box_ids import stem

_COLUMNS = 3  # columns at least: with less it is a U
_UP = 2  # values at least that lead to a finer row
_JOINS = 2  # values that a box joins, at least
_SIGNAL, _IMAGE = 3, 4  # ranks; with frames only images, for of a sequence the channels may be last
_HIGHEST = 6  # boxes in one stack


def grid(
    boxes: Sequence[str],
    lines: Mapping[tuple[str, str], str],
    shapes: Mapping[str, str],
    weighted: Collection[str],
    around: Around,
) -> Grid | None:
    """Return the grid of *boxes*, or None if they are none.

    *lines* maps (source, target) to the shape that flows, such as ``1×64×32×32``; *shapes* has those of the values of
    boxes that no line leads from. The boxes *weighted* have parameters. *around* has the frames around each box, the
    outermost first.

    Raises networkx.NetworkXUnfeasible if values flow in a circle.
    """
    flow: nx.DiGraph[str] = nx.DiGraph()
    flow.add_nodes_from(boxes)
    flow.add_edges_from(lines)
    rank = {name: number for number, name in enumerate(boxes)}
    order = topological_order(flow, rank)
    has_frames = any(around.values())
    rows = rows_of(order, flow, lines, shapes, least_rank=_IMAGE if has_frames else _SIGNAL)
    if rows is None or splits_chain(flow, rows, around):
        return None
    rows = with_row_above(order, flow, rows, around)
    stacks = _stacks(order, flow, rows, weighted, around)
    found = _placed(stacks, flow, rows, around)
    return found if found is not None and _is_grid(found, lines) else None


def _is_grid(found: Grid, lines: Mapping[tuple[str, str], str]) -> bool:
    """Return whether there are rows that several columns share, and values that lead to finer rows.

    Or else boxes that work on several resolutions lead to each other, as the stages of an HRNet.
    """
    at = {name: cell for cell in found.cells for name in cell.boxes}
    up = sum(at[a].top > at[b].last for a, b in lines)
    images = [line for line, shape in lines.items() if shape.count("×") + 1 >= _IMAGE]
    beside_each_other = sum(at[a].spans and at[b].spans for a, b in images)
    shared = Counter(row for cell in found.cells for row in cell.rows)
    beside = sum(count > 1 for count in shared.values())
    return (
        found.rows >= LEVELS
        and found.columns >= _COLUMNS
        and max(up, beside_each_other) >= _UP
        and beside >= LEVELS
        and max(shared.values()) >= _COLUMNS
    )


def _stacks(
    order: Sequence[str],
    flow: nx.DiGraph[str],
    rows: Mapping[str, range],
    weighted: Collection[str],
    around: Around,
) -> list[list[str]]:
    """Return boxes of one row that are a chain, each in one stack, in the order of the flow.

    In the finest and in the coarsest row a box has a stack of its own if others that are named alike have one beside
    their sources.
    """
    inside = [row for name, row in rows.items() if around[name]] or [*rows.values()]
    ends = min(row.start for row in inside), max(row.stop for row in rows.values()) - 1
    stacks = {name: [name] for name in order}

    def follow(name: str) -> list[str]:
        return [source for source in flow.pred[name] if _follows(source, name, flow, rows, weighted)]

    def has_alike(name: str, source: str) -> bool:
        others = (other for other in order if stem(other) == stem(name) and rows[other] != rows[name])
        return any(
            rows[beside] == rows[other] and (source in weighted or stem(beside) == stem(source))
            for other in others
            if not follow(other)
            for beside in flow.pred[other]
        )

    for name in order:
        sources = follow(name)
        resampled = [source for source in sources if _only_resamples(source, flow, rows)]
        if len(resampled) == 1:
            sources = resampled
        is_head = rows[name].start in ends or len(flow.pred[name]) == 1
        if len(sources) != 1 or (is_head and has_alike(name, sources[0])):
            continue
        above = stacks[sources[0]]
        if above[-1] == sources[0] and len(above) < _HIGHEST and around[name] == around[sources[0]]:
            above.append(name)
            stacks[name] = above
    return list({id(stack): stack for stack in stacks.values()}.values())


def _follows(
    source: str, name: str, flow: nx.DiGraph[str], rows: Mapping[str, range], weighted: Collection[str]
) -> bool:
    """Return whether a box can stand in the stack of *source*: that is read there alone, or the box is a dead end.

    If the box reads other values too, *source* has no weights, or only changes the resolution.
    """
    if rows[source] != rows[name] or len(rows[name]) > 1:
        return False
    if len(flow.pred[name]) == 1:
        return len(flow.succ[source]) == 1 or not flow.succ[name]
    return len(flow.succ[source]) == 1 and (source not in weighted or _only_resamples(source, flow, rows))


def _only_resamples(source: str, flow: nx.DiGraph[str], rows: Mapping[str, range]) -> bool:
    """Return whether a box reads values of other rows alone."""
    return bool(flow.pred[source]) and not any(_meet(rows[one], rows[source]) for one in flow.pred[source])


def _meet(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def _placed(
    stacks: Sequence[Sequence[str]], flow: nx.DiGraph[str], rows: Mapping[str, range], around: Around
) -> Grid | None:
    """Return the stacks in the columns that the flow gives them; None if the boxes of a frame stand between others."""
    of = {name: number for number, stack in enumerate(stacks) for name in stack}
    between: nx.DiGraph[int] = nx.DiGraph()
    between.add_nodes_from(range(len(stacks)))
    between.add_edges_from((of[a], of[b]) for a, b in flow.edges if of[a] != of[b])
    takes = [rows[stack[0]] for stack in stacks]
    frames = [around[stack[0]] for stack in stacks]

    def step(source: int, target: int) -> int:
        return int(_meet(takes[source], takes[target]))

    taken: dict[tuple[int, int], int] = {}
    column: dict[int, int] = {}
    order = frame_by_frame(between, frames)
    if order is None:
        return None
    together = _rows_together(frames, takes)
    beyond: dict[str, int] = {}  # the first column that is right of an outermost frame
    for number in order:
        own = frames[number][:1]
        at = max((column[source] + step(source, number) for source in between.pred[number]), default=0)
        wide = together[own[0]] if own else takes[number]
        others = [frame for frame in beyond if frame not in own and _meet(wide, together[frame])]
        at = max([at, *(beyond[frame] for frame in others)])
        while any((row, at) in taken for row in takes[number]):
            at += 1
        column[number] = at
        taken.update(((row, at), number) for row in takes[number])
        for frame in own:
            beyond[frame] = max(beyond.get(frame, 0), at + 1)
    for number in reversed(order):  # a box that joins values begins a column that goes on up
        readers = [*between.succ[number]]
        beside = [source for source in between.pred[number] if step(source, number)]
        if any(step(before, source) for source in beside for before in between.pred[source]):
            continue  # it is a step of its row
        if len(between.pred[number]) < _JOINS or len(readers) != 1 or step(number, readers[0]):
            continue
        if [column[after] for after in between.succ[readers[0]]] != [column[readers[0]]]:
            continue
        at = column[readers[0]]
        is_free = not any((row, at) in taken for row in takes[number])
        if at > column[number] and is_free and frames[number] == frames[readers[0]]:
            taken = {spot: other for spot, other in taken.items() if other != number}
            column[number] = at
            taken.update(((row, at), number) for row in takes[number])
    used = {at: number for number, at in enumerate(sorted({*column.values()}))}
    cells = tuple(
        Cell(tuple(stack), takes[n].start, takes[n].stop - 1, used[column[n]], _flows_up(stack, flow, rows))
        for n, stack in enumerate(stacks)
    )
    found = frames_of(cells, around)
    return None if found is None else Grid(cells, 1 + max(cell.last for cell in cells), len(used), found, around)


def _rows_together(frames: Sequence[Sequence[str]], takes: Sequence[range]) -> dict[str, range]:
    """Return the rows that the boxes in each outermost frame take together."""
    found: dict[str, range] = {}
    for around, rows in zip(frames, takes, strict=True):
        for name in around[:1]:
            known = found.get(name, rows)
            found[name] = range(min(known.start, rows.start), max(known.stop, rows.stop))
    return found


def _flows_up(stack: Sequence[str], flow: nx.DiGraph[str], rows: Mapping[str, range]) -> bool:
    """Return whether a stack is read from finer rows, or fed from coarser ones, and not the other way round."""
    own = rows[stack[0]]
    row = own.start
    fed = [rows[one].start - row for name in stack for one in flow.pred[name] if not _meet(rows[one], own)]
    read = [row - rows[one].start for name in stack for one in flow.succ[name] if not _meet(rows[one], own)]
    ups = sum(by > 0 for by in fed)
    downs = sum(by < 0 for by in fed)
    if ups != downs:
        return ups > downs
    return sum(by > 0 for by in read) > sum(by < 0 for by in read)


__all__ = ["Cell", "Grid", "grid"]
