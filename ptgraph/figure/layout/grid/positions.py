"""Positions of the boxes of a grid: columns as far from each other as the lines between them need, and rows too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ptgraph.figure.layout.grid.model import Cell, Grid, GridFrame
from ptgraph.figure.layout.placement import Position
from ptgraph.figure.layout.sizes import BoxSize, TitleSize
from ptgraph.figure.layout.spacing import GAP, HEAD, LANE, PAD, TRACK

_EDGE = 4.0  # from the corner of a box to a line that enters its side, at least
_LEAD = 6.0  # from a row to the first track below it


class Anchor(NamedTuple):
    """A box of a cell that stands in the middle of its row, or at the height of a box *beside* it."""

    box: str
    beside: str = ""


@dataclass(frozen=True)
class Places:
    """Where everything stands across the flow (u) and along it (v).

    *boxes* and *sizes* are by name, *spines* the middles of columns. *channels* has the position across of the first
    track right of each column, *gaps* that along of the first track above each row. *tops* has the highest point in a
    row and column, *titles* where the room for titles above each row begins. The whole is *across* by *along*.
    """

    across: float
    along: float
    boxes: Mapping[str, Position]
    sizes: Mapping[str, BoxSize]
    spines: tuple[float, ...]
    channels: tuple[float, ...]
    gaps: tuple[float, ...]
    tops: Mapping[tuple[int, int], float]
    titles: tuple[float, ...]

    def top_of(self, row: int, column: int) -> float:
        """Return the highest point of a row in a column, as far down as can be where nothing stands there."""
        return self.tops.get((row, column), self.along)

    def within(self, name: str, height: float) -> float:
        """Return a height along the flow, or the nearest one at which a line can enter a box at its side."""
        along = self.sizes[name].along
        top = self.boxes[name].top(along)
        return min(max(height, top + _EDGE), top + along - _EDGE)

    def middle(self, name: str) -> float:
        """Return where along the flow the middle of a box is."""
        along = self.sizes[name].along
        return self.boxes[name].top(along) + along / 2


def places(
    found: Grid,
    sizes: Mapping[str, BoxSize],
    titles: Mapping[str, TitleSize],
    anchors: Mapping[Cell, Anchor],
    channels: Mapping[int, int],
    gaps: Mapping[int, int],
    spare: float = 0.0,
) -> Places:
    """Return the positions of boxes of *sizes*, where *channels* and *gaps* have so many tracks.

    *titles* are those of the frames.

    The boxes *anchors*, one of each cell, stand at one height in each row, or at that of a box of another cell. *spare*
    is how much of the room above the first row is not needed.
    """
    spines, first_tracks, across = _columns(found, sizes, titles, channels)
    offsets: dict[Cell, tuple[dict[str, float], float, float]] = {}
    middle_of: dict[str, float] = {}  # from that of the row
    for cell, anchor in sorted(anchors.items(), key=lambda item: item[0].column):
        offsets[cell] = _offsets(cell, sizes, anchor.box, middle_of.get(anchor.beside, 0.0))
        half = {name: sizes[name].along / 2 for name in cell.boxes}
        middle_of |= {
            name: start + (-half[name] if cell.up else half[name]) for name, start in offsets[cell][0].items()
        }
    above, below = [0.0] * found.rows, [0.0] * found.rows
    for cell, (_, begin, end) in offsets.items():
        above[cell.top] = max(above[cell.top], -begin)
        below[cell.last] = max(below[cell.last], end)
    middles, tracks, title_rooms = [], [], []
    at = -spare
    for row in range(found.rows + 1):
        count = gaps.get(row, 0)
        at += PAD * _most(found, [frame for frame in found.frames if frame.last == row - 1])
        starting = [frame for frame in found.frames if frame.top == row]
        title = max((_room_above(frame, starting, titles) for frame in starting), default=0.0)
        at += GAP if starting and row else 0.0
        title_rooms.append(at)
        at += title
        tracks.append(at + (_LEAD if row or title else 0.0))
        if count:
            at = max(tracks[-1] + TRACK * (count - 1) + HEAD + 2, at + (GAP if row and not title else 0.0))
        elif 0 < row < found.rows and not title:
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
    return Places(
        across, at, boxes, placed, tuple(spines), tuple(first_tracks), tuple(tracks), tops, tuple(title_rooms)
    )


def _room_above(frame: GridFrame, others: Sequence[GridFrame], titles: Mapping[str, TitleSize]) -> float:
    """Return the room above the first row of a frame, for the titles of it and of those in *others* around it."""
    around = [other for other in others if other.holds(frame.top, frame.first_column)]
    return sum(titles[other.name].height + PAD for other in around)


def _most(found: Grid, frames: Sequence[GridFrame]) -> int:
    """Return how many of *frames* are in each other, at most."""
    names = {frame.name for frame in frames}
    return max((sum(name in names for name in found.around[cell.boxes[0]]) for cell in found.cells), default=0)


def _columns(
    found: Grid, sizes: Mapping[str, BoxSize], titles: Mapping[str, TitleSize], channels: Mapping[int, int]
) -> tuple[list[float], list[float], float]:
    """Return the spines of the columns, the first tracks at the right of each, and how wide all are together."""
    spines, tracks = [], []
    at = 0.0
    for column in range(found.columns):
        inside = [sizes[name] for cell in found.cells if cell.column == column for name in cell.boxes]
        left, right = max(size.left for size in inside), max(size.right for size in inside)
        for frame in reversed(found.frames):  # the inner ones first
            title = titles[frame.name]
            if frame.first_column == column:
                left = max(left, title.start) + PAD
            if frame.last_column == column:
                right = max(right, title_end(frame, title)) + PAD
        spines.append(at + left)
        at = spines[-1] + right
        count = channels.get(column, 0)
        tracks.append(at + LANE)
        if count or column < found.columns - 1:
            at += LANE + TRACK * max(count - 1, 0) + (HEAD + 2 if column < found.columns - 1 else 2)
            at += PAD * (count > 0 and any(frame.last_column == column for frame in found.frames))
    return spines, tracks, at


def title_end(frame: GridFrame, title: TitleSize) -> float:
    """Return how far the end of the title of a frame reaches right of the spine of its last column.

    Over several columns it ends before a line that leads up there.
    """
    return title.end if frame.first_column == frame.last_column else 0.0


def _offsets(
    cell: Cell, sizes: Mapping[str, BoxSize], anchor: str, at_anchor: float
) -> tuple[dict[str, float], float, float]:
    """Return where each box of a cell begins, the highest and the lowest point, from the middle of its row.

    The middle of the box *anchor* is *at_anchor*.
    """
    ends: dict[str, float] = {}
    at = 0.0
    for name in cell.boxes:
        ends[name] = at
        at += sizes[name].along + sizes[name].after + GAP
    length = at - GAP
    middle = ends[anchor] + sizes[anchor].along / 2
    sign = -1 if cell.up else 1
    starts = {name: at_anchor + sign * (start - middle) for name, start in ends.items()}
    first, last = sorted((at_anchor - sign * middle, at_anchor + sign * (length - middle)))
    return starts, first, last


__all__ = ["Anchor", "Places", "places", "title_end"]
