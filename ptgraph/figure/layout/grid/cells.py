"""Cells: which boxes of a figure stand in which row and column of a grid of resolutions.

The invariant: a row holds the boxes whose values have one resolution, the finest on top. Along a row values flow to the
right only; from row to row they may stay in a column. So the column of a box is the most values that lead along rows on
a path to it. A chain of boxes of one resolution is a stack in one cell. A box whose values have several resolutions, or
none of the grid and readers in several rows, spans those rows.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

_LEVELS = 3  # rows at least
_COLUMNS = 3  # columns at least: with less it is a U
_UP = 2  # values at least that lead to a finer row
_JOINS = 2  # values that a box joins, at least
_HIGHEST = 5  # boxes in one stack
_SIZES = re.compile(r"\d+(×\d+){2,}")


@dataclass(frozen=True)
class Cell:
    """Boxes above each other, from *top* to the row *last*, which is another one if the only box spans rows.

    *boxes* are in the order of the flow; *up*: they flow up.
    """

    boxes: tuple[str, ...]
    top: int
    last: int
    column: int
    up: bool = False

    @property
    def rows(self) -> range:
        """The rows that the cell takes."""
        return range(self.top, self.last + 1)

    @property
    def spans(self) -> bool:
        """Whether it takes several rows."""
        return self.last > self.top


@dataclass(frozen=True)
class Grid:
    """The cells of a grid of so many *rows* and *columns*."""

    cells: tuple[Cell, ...]
    rows: int
    columns: int


def grid(
    boxes: Sequence[str],
    lines: Mapping[tuple[str, str], str],
    shapes: Mapping[str, str],
    weighted: Collection[str],
) -> Grid | None:
    """Return the grid of *boxes*, or None if they are none.

    *lines* maps (source, target) to the shape that flows, such as ``1×64×32×32``; *shapes* has those of the values of
    boxes that no line leads from. The boxes *weighted* have parameters.

    Raises networkx.NetworkXUnfeasible if values flow in a circle.
    """
    flow: nx.DiGraph[str] = nx.DiGraph()
    flow.add_nodes_from(boxes)
    flow.add_edges_from(lines)
    rank = {name: number for number, name in enumerate(boxes)}
    order = list(nx.lexicographical_topological_sort(flow, key=rank.__getitem__))
    rows = _rows(order, flow, lines, shapes)
    if rows is None:
        return None
    stacks = _stacks(order, flow, rows, weighted)
    found = _placed(stacks, flow, rows)
    return found if _is_grid(found, lines) else None


def _is_grid(found: Grid, lines: Iterable[tuple[str, str]]) -> bool:
    """Return whether there are rows that several columns share, and values that lead to finer rows."""
    at = {name: cell for cell in found.cells for name in cell.boxes}
    up = sum(at[a].top > at[b].last for a, b in lines)
    shared = Counter(row for cell in found.cells for row in cell.rows)
    beside = sum(count > 1 for count in shared.values())
    return (
        found.rows >= _LEVELS
        and found.columns >= _COLUMNS
        and up >= _UP
        and beside >= _LEVELS
        and max(shared.values()) >= _COLUMNS
    )


def _area(shape: str, rank: int | None = None) -> tuple[int, int] | None:
    """Return the rank of a shape and its number of positions, channels second; None for vectors and unknown sizes."""
    if not shape or not _SIZES.fullmatch(shape):
        return None
    sizes = [int(size) for size in shape.split("×")]
    return (len(sizes), math.prod(sizes[2:])) if rank in (None, len(sizes)) else None


def _rows(
    order: Sequence[str], flow: nx.DiGraph[str], lines: Mapping[tuple[str, str], str], shapes: Mapping[str, str]
) -> dict[str, range] | None:
    """Return the rows that each box takes, or None if too few have a resolution."""
    given = {name: {_area(lines[name, reader]) for reader in flow.succ[name]} - {None} for name in order}
    for name in order:
        if not given[name]:
            given[name] = {_area(shapes.get(name, ""))} - {None}
    ranks = Counter(area[0] for areas in given.values() for area in areas if area is not None)
    if not ranks:
        return None
    rank = max(ranks, key=lambda one: (ranks[one], one))
    areas = {name: {area[1] for area in found if area and area[0] == rank} for name, found in given.items()}
    known = sorted({area for found in areas.values() for area in found}, reverse=True)
    level = {area: number for number, area in enumerate(known)}
    if len(known) < _LEVELS:
        return None
    rows = {name: range(level[min(found)], level[min(found)] + 1) for name, found in areas.items() if len(found) == 1}
    for name in order:
        readers = {rows[reader].start for reader in flow.succ[name] if reader in rows}
        if len(readers) >= _LEVELS and name in rows and rows[name].start not in readers:
            rows[name] = range(min(readers), max(readers) + 1)  # it feeds each of them, and belongs to none
    waiting = [name for name in order if name not in rows]
    for _ in range(len(waiting) + 1):
        for name in waiting:
            if name not in rows:
                beside = _beside(name, flow, rows, {level[area] for area in areas[name]})
                if beside:
                    rows[name] = range(min(beside), max(beside) + 1)
    if len(rows) < len(order):
        return None
    used = {row: number for number, row in enumerate(sorted({row for taken in rows.values() for row in taken}))}
    return {name: range(used[taken.start], used[taken[-1]] + 1) for name, taken in rows.items()}


def _beside(name: str, flow: nx.DiGraph[str], rows: Mapping[str, range], own: set[int]) -> set[int]:
    """Return the rows of a box that has no resolution, or the several of *own*: those of its readers and sources."""
    readers = {rows[reader].start for reader in flow.succ[name] if reader in rows}
    sources = {rows[source].start for source in flow.pred[name] if source in rows}
    if len(own) > 1 or len(readers) > 1:
        return (readers or own) | (sources if len(sources) > 1 else set())
    if readers:
        return readers
    return {min(sources)} if sources else set()


def _stacks(
    order: Sequence[str], flow: nx.DiGraph[str], rows: Mapping[str, range], weighted: Collection[str]
) -> list[list[str]]:
    """Return boxes of one row that are a chain, each in one stack, in the order of the flow.

    In the coarsest row a box has a stack of its own if others that are named alike have one beside their sources.
    """
    last = max(row.stop for row in rows.values())
    stacks = {name: [name] for name in order}

    def has_alike(name: str) -> bool:
        return any(
            len(stacks[other]) == 1 and any(rows[source] == rows[other] for source in flow.pred[other])
            for other in order
            if _stem(other) == _stem(name) and rows[other] != rows[name]
        )

    for name in order:
        sources = [source for source in flow.pred[name] if _follows(source, name, flow, rows, weighted)]
        resampled = [source for source in sources if _only_resamples(source, flow, rows)]
        if len(resampled) == 1:
            sources = resampled
        if len(sources) != 1 or (rows[name].stop == last and sources[0] in weighted and has_alike(name)):
            continue
        above = stacks[sources[0]]
        if above[-1] == sources[0] and len(above) < _HIGHEST:
            above.append(name)
            stacks[name] = above
    return list({id(stack): stack for stack in stacks.values()}.values())


def _stem(name: str) -> str:
    """Return the name of a box without its numbers."""
    return re.sub(r"\d+", "", name)


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


def _placed(stacks: Sequence[Sequence[str]], flow: nx.DiGraph[str], rows: Mapping[str, range]) -> Grid:
    """Return the stacks in the columns that the flow gives them."""
    of = {name: number for number, stack in enumerate(stacks) for name in stack}
    between: nx.DiGraph[int] = nx.DiGraph()
    between.add_nodes_from(range(len(stacks)))
    between.add_edges_from((of[a], of[b]) for a, b in flow.edges if of[a] != of[b])
    takes = [rows[stack[0]] for stack in stacks]

    def step(source: int, target: int) -> int:
        return int(_meet(takes[source], takes[target]))

    taken: dict[tuple[int, int], int] = {}
    column: dict[int, int] = {}
    order = list(nx.lexicographical_topological_sort(between, key=lambda number: number))
    for number in order:
        at = max((column[source] + step(source, number) for source in between.pred[number]), default=0)
        while any((row, at) in taken for row in takes[number]):
            at += 1
        column[number] = at
        taken.update(((row, at), number) for row in takes[number])
    for number in reversed(order):  # a box that joins values begins a column that goes on up
        readers = [*between.succ[number]]
        if len(between.pred[number]) < _JOINS or len(readers) != 1 or step(number, readers[0]):
            continue
        if [column[after] for after in between.succ[readers[0]]] != [column[readers[0]]]:
            continue
        at = column[readers[0]]
        if at > column[number] and not any((row, at) in taken for row in takes[number]):
            taken = {spot: other for spot, other in taken.items() if other != number}
            column[number] = at
            taken.update(((row, at), number) for row in takes[number])
    used = {at: number for number, at in enumerate(sorted({*column.values()}))}
    cells = tuple(
        Cell(tuple(stack), takes[n].start, takes[n].stop - 1, used[column[n]], _flows_up(stack, flow, rows))
        for n, stack in enumerate(stacks)
    )
    return Grid(cells, 1 + max(cell.last for cell in cells), len(used))


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
