"""Positions of the boxes of a grid: columns as far from each other as the lines between them need, and rows too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ptgraph.figure.layout.grid.cells import Cell, Grid
from ptgraph.figure.layout.placement import Position
from ptgraph.figure.layout.sizes import BoxSize
from ptgraph.figure.layout.spacing import GAP, HEAD, LANE, TRACK

_LEAD = 6.0  # from a row to the first track below it


@dataclass(frozen=True)
class Places:
    """Where everything stands across the flow (u) and along it (v).

    *boxes* and *sizes* are by name. *channels* has the position across of the first track right of each column, *gaps*
    that along of the first track above each row. *tops* has the highest point in a row and column. The whole is
    *across* by *along*.
    """

    across: float
    along: float
    boxes: Mapping[str, Position]
    sizes: Mapping[str, BoxSize]
    channels: tuple[float, ...]
    gaps: tuple[float, ...]
    tops: Mapping[tuple[int, int], float]

    def top_of(self, row: int, column: int) -> float:
        """Return the highest point of a row in a column, as far down as can be where nothing stands there."""
        return self.tops.get((row, column), self.along)

    def middle(self, name: str) -> float:
        """Return where along the flow the middle of a box is."""
        along = self.sizes[name].along
        return self.boxes[name].top(along) + along / 2


def places(
    found: Grid,
    sizes: Mapping[str, BoxSize],
    anchors: Mapping[Cell, str],
    channels: Mapping[int, int],
    gaps: Mapping[int, int],
    spare: float = 0.0,
) -> Places:
    """Return the positions of boxes of *sizes*, where *channels* and *gaps* have so many tracks.

    The boxes *anchors*, one of each cell, stand at one height in each row. *spare* is how much of the room above the
    first row is not needed.
    """
    spines, first_tracks, across = _columns(found, sizes, channels)
    offsets = {cell: _offsets(cell, sizes, anchors[cell]) for cell in found.cells}
    above, below = [0.0] * found.rows, [0.0] * found.rows
    for cell, (_, begin, end) in offsets.items():
        above[cell.top] = max(above[cell.top], -begin)
        below[cell.last] = max(below[cell.last], end)
    middles, tracks = [], []
    at = -spare
    for row in range(found.rows + 1):
        count = gaps.get(row, 0)
        tracks.append(at + (_LEAD if row else 0.0))
        if count:
            at = max(tracks[-1] + TRACK * (count - 1) + HEAD + 2, at + (GAP if row else 0.0))
        elif 0 < row < found.rows:
            at += GAP
        if row < found.rows:
            middles.append(at + above[row])
            at = middles[-1] + below[row]
    tops = {
        (row, cell.column): middles[row] + (begin if row == cell.top else -LANE)
        for cell, (_, begin, _) in offsets.items()
        for row in cell.rows
    }
    boxes: dict[str, Position] = {}
    placed = dict(sizes)
    for cell, (starts, _, _) in offsets.items():
        for name, start in starts.items():
            boxes[name] = Position(spines[cell.column], middles[cell.top] + start, cell.up)
        if cell.spans:
            name = cell.boxes[0]
            along = sizes[name].along + middles[cell.last] - middles[cell.top]
            placed[name] = replace(sizes[name], along=along)
            boxes[name] = Position(spines[cell.column], middles[cell.top] - sizes[name].along / 2)
    return Places(across, at, boxes, placed, tuple(first_tracks), tuple(tracks), tops)


def _columns(
    found: Grid, sizes: Mapping[str, BoxSize], channels: Mapping[int, int]
) -> tuple[list[float], list[float], float]:
    """Return the spines of the columns, the first tracks at the right of each, and how wide all are together."""
    spines, tracks = [], []
    at = 0.0
    for column in range(found.columns):
        inside = [sizes[name] for cell in found.cells if cell.column == column for name in cell.boxes]
        spines.append(at + max(size.left for size in inside))
        at = spines[-1] + max(size.right for size in inside)
        count = channels.get(column, 0)
        tracks.append(at + LANE)
        if count or column < found.columns - 1:
            at += LANE + TRACK * max(count - 1, 0) + (HEAD + 4 if column < found.columns - 1 else 2)
    return spines, tracks, at


def _offsets(cell: Cell, sizes: Mapping[str, BoxSize], anchor: str) -> tuple[dict[str, float], float, float]:
    """Return where each box of a cell begins, the highest and the lowest point, from the middle of its *anchor*."""
    ends: dict[str, float] = {}
    at = 0.0
    for name in cell.boxes:
        ends[name] = at
        at += sizes[name].along + sizes[name].after + GAP
    length = at - GAP
    middle = ends[anchor] + sizes[anchor].along / 2
    sign = -1 if cell.up else 1
    starts = {name: sign * (start - middle) for name, start in ends.items()}
    first, last = sorted((-sign * middle, sign * (length - middle)))
    return starts, first, last


__all__ = ["Places", "places"]
