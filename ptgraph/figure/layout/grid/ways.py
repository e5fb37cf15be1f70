"""Ways: by which channels of a grid each line leads, before anything has a position.

Channels run between the columns, each numbered as the column at its left, and between the rows, each numbered as the
row below it. Lines leave a box at its right side and enter one at its left, but where a box is right above or below.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ptgraph.figure.layout.grid.model import Cell, Grid
from ptgraph.figure.layout.routing_plan import Edge

Kind = Literal["down", "straight", "elbow", "jog", "over", "back"]


@dataclass(frozen=True)
class Way:
    """The way of a line from one cell to another.

    *down*: along the spine of a column, up or down. *straight*: along a row. *elbow*: along the row of its source, then
    along the spine of its target. *jog*: by the channel *first*. *over*: by the channel *first*, the *gap* above a row
    and the channel *last*. *back*: by the channel at the right, to the right side of a box in the same column.
    """

    kind: Kind
    source: Cell
    target: Cell
    first: int = 0
    gap: int = 0
    last: int = 0


def ways(found: Grid, lines: Iterable[Edge]) -> dict[Edge, Way]:
    """Return the way of each line."""
    at = {name: cell for cell in found.cells for name in cell.boxes}
    taken = {(row, cell.column) for cell in found.cells for row in cell.rows}
    result: dict[Edge, Way] = {}
    elbows: set[tuple[str, bool]] = set()
    for edge in lines:
        way = _way(edge, at[edge.source], at[edge.target], taken)
        if way.kind == "elbow":
            end = edge.target, way.source.top > way.target.last
            if end in elbows:
                way = _sideways(at[edge.source], at[edge.target], taken)
            elbows.add(end)
        result[edge] = way
    return result


def _way(edge: Edge, source: Cell, target: Cell, taken: set[tuple[int, int]]) -> Way:
    if source is target:
        return Way("down", source, target)
    below = target.top > source.last
    apart = not below and target.last < source.top
    if source.column == target.column:
        rows = range(source.last + 1, target.top) if below else range(target.last + 1, source.top)
        faces = _ends(edge.source, source, below=below) and _ends(edge.target, target, below=not below)
        if faces and not any((row, source.column) in taken for row in rows):
            return Way("down", source, target)
        return Way("back", source, target, source.column)
    if not below and not apart:
        between = range(source.column + 1, target.column)
        rows = range(max(source.top, target.top), min(source.last, target.last) + 1)
        if not any((row, column) in taken for row in rows for column in between):
            return Way("straight", source, target, target.column - 1)
        return _over(source, target)
    if _ends(edge.target, target, below=not below) and not source.spans and _is_corner_free(source, target, taken):
        return Way("elbow", source, target)
    return _sideways(source, target, taken)


def _sideways(source: Cell, target: Cell, taken: set[tuple[int, int]]) -> Way:
    """Return the way by a channel along an empty row, or else by one between rows."""
    between = range(source.column + 1, target.column)
    if not any((row, column) in taken for row in target.rows for column in between):
        return Way("jog", source, target, source.column)
    if not any((row, column) in taken for row in source.rows for column in between):
        return Way("jog", source, target, target.column - 1)
    return _over(source, target)


def _over(source: Cell, target: Cell) -> Way:
    gap = target.last + 1 if source.top > target.last else target.top
    return Way("over", source, target, source.column, gap, target.column - 1)


def _ends(name: str, cell: Cell, *, below: bool) -> bool:
    """Return whether a box is the lowest of its cell, or if not *below*, the highest."""
    return name == cell.boxes[-1 if cell.up != below else 0]


def _is_corner_free(source: Cell, target: Cell, taken: set[tuple[int, int]]) -> bool:
    """Return whether nothing stands on the way along the row of *source* and then along the column of *target*."""
    rows = range(target.last + 1, source.top) if target.last < source.top else range(source.last + 1, target.top)
    row = {(source.top, column) for column in range(source.column + 1, target.column + 1)}
    return not taken & (row | {(one, target.column) for one in rows})


__all__ = ["Way", "ways"]
