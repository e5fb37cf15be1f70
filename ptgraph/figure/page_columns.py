"""Page columns: a long figure, cut into columns side by side; a numbered circle leads from each to the next.

A figure is cut across the flow where only one value crosses, or a few if it is not even otherwise. The line of a value
ends at a circle, and starts again at a circle with the same number. A frame that is cut has a part in each column. A
figure that flows to the right is cut into rows in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from ptgraph.drawing.text_metrics import text_width
from ptgraph.figure.box_text import TITLE
from ptgraph.figure.layout.axes import Rectangle
from ptgraph.figure.layout.layout import Connector, Geometry
from ptgraph.figure.layout.spacing import MARGIN, PAD
from ptgraph.figure.page_cuts import RADIUS, TITLE_ROOM, Crossing, Cut, Line, Point, crossings, cuts, holds, is_turn

_APART = 20.0  # between columns
_FRAME = 30.0  # a column may be so much longer if it cuts a frame less
_LINE = 8.0  # a column may be so much longer if it is cut where one line less crosses
_EVEN, _LAST = 0.6, 0.4  # columns are even if they are so long, of the longest, the last of them

_Ways = dict[int, tuple[float, tuple[int, ...]]]  # where columns end → the length of the longest, and all their ends


@dataclass(frozen=True)
class _Column:
    """What is from *low* to *high* along the flow, between the cuts *first* and *last* (None: a figure's end)."""

    low: float
    high: float
    first: Cut | None
    last: Cut | None
    titled: bool

    @property
    def top(self) -> float:
        """Where it starts, with its connector."""
        return self.low - (self.first.after(titled=self.titled) if self.first else 0.0)

    @property
    def bottom(self) -> float:
        """Where it ends, with its connector."""
        return self.high + (self.last.before if self.last else 0.0)

    def part(self, name: str, frame: Rectangle) -> Rectangle | None:
        """Return the part of a frame in this column, or None."""
        begin, end = frame.y, frame.y + frame.height
        if end <= self.low or begin >= self.high:
            return None
        if self.first and name in self.first.frames:
            begin = self.top + self.first.frames.index(name) * (PAD / 2 + TITLE_ROOM * self.titled)
        if self.last and name in self.last.frames:
            end = self.bottom - self.last.frames.index(name) * PAD
        return Rectangle(frame.x, begin, frame.width, end - begin)


@dataclass(frozen=True)
class InColumns:
    """A figure in columns; *even*: they are of about equal length."""

    upright: Geometry
    columns: list[_Column]
    down: bool
    even: bool

    @property
    def length(self) -> float:
        """How long it is at least along the flow: as its longest column."""
        return max(column.bottom - column.top for column in self.columns)

    @cached_property
    def geometry(self) -> Geometry:
        """The figure with its columns side by side, or its rows below each other."""
        cut = _set(self.upright, self.columns)
        return cut if self.down else _turned(cut)


@dataclass(frozen=True)
class Cutting:
    """A figure that can be cut into columns; not through the frames that are *whole*.

    *down*: it flows down, and not to the right. *several*: several lines may cross a cut.
    """

    geometry: Geometry
    down: bool
    whole: Collection[str]
    several: bool = True
    _found: dict[tuple[int, bool], InColumns | None] = field(default_factory=dict)

    def into(self, columns: int, *, one_line: bool = False) -> InColumns | None:
        """Return the figure in that many *columns* of about equal length, or None if it cannot be cut so often.

        With *one_line*, each cut crosses one line; else it does if the columns are even so, or a backbone ends there.
        """
        key = columns, one_line
        if key not in self._found:
            self._found[key] = self._in_columns(columns, one_line=one_line)
        return self._found[key]

    def _in_columns(self, columns: int, *, one_line: bool) -> InColumns | None:
        choices: list[list[_Column]] = []
        for division in self._divisions[:1] if one_line or not self.several else self._divisions:
            found = division.into(columns)
            if found is not None and _are_even(found):
                choices = [found]
                break
            choices += [found] if found is not None else []
        if not choices:
            return None
        return InColumns(self._upright, choices[0], self.down, _are_even(choices[0]))

    @cached_property
    def _upright(self) -> Geometry:
        return self.geometry if self.down else _turned(self.geometry)

    @cached_property
    def _divisions(self) -> list[_Division]:
        """The divisions at cuts that one line crosses, at turns as well, and at all cuts."""
        upright = self._upright
        found = cuts(upright, self.whole, titled=self.down)
        lone = [cut for cut in found if len(cut.crossings) == 1]
        turns = [cut for cut in found if len(cut.crossings) == 1 or is_turn(upright, cut)]
        distinct = {len(allowed): allowed for allowed in (lone, turns, found)}.values()  # each has the one before it
        return [_Division(allowed, upright.height, titled=self.down) for allowed in distinct]


def _are_even(columns: Sequence[_Column]) -> bool:
    lengths = [column.bottom - column.top for column in columns]
    return min(lengths[:-1]) >= _EVEN * max(lengths) and lengths[-1] >= _LAST * max(lengths)


class _Division:
    """How a figure of some *length* that can be cut at *cuts* is divided: the longest column is as short as may be.

    A frame that is cut counts as some length.
    """

    def __init__(self, cuts: Sequence[Cut], length: float, *, titled: bool) -> None:
        self.titled = titled
        self.ends: list[Cut | None] = [None, *cuts, None]
        self.at = [0.0, *(cut.v for cut in cuts), length]
        self.before = [cut.after(titled=titled) if cut else 0.0 for cut in self.ends]
        self.after = [
            cut.before + _FRAME * len(cut.frames) + _LINE * (len(cut.crossings) - 1) if cut else 0.0
            for cut in self.ends
        ]
        self._best: list[_Ways] = [{0: (0.0, (0,))}]  # by the number of columns

    def into(self, columns: int) -> list[_Column] | None:
        """Return so many *columns*, or None if there are too few cuts."""
        last = len(self.ends) - 1
        while len(self._best) < columns:
            self._best.append(self._with_column(self._best[-1], range(1, last)))
        found = self._with_column(self._best[columns - 1], [last])
        if last not in found:
            return None
        at, ends = self.at, self.ends
        return [_Column(at[a], at[b], ends[a], ends[b], self.titled) for a, b in pairwise(found[last][1])]

    def _with_column(self, best: _Ways, ends: Iterable[int]) -> _Ways:
        """Return the *best* ways with one more column, which ends at one of *ends*."""
        found: _Ways = {}
        for end in ends:
            for start, (longest, so_far) in best.items():
                if start < end:
                    cost = max(longest, self.at[end] - self.at[start] + self.before[start] + self.after[end])
                    if end not in found or cost < found[end][0]:
                        found[end] = cost, (*so_far, end)
        return found


def _set(geometry: Geometry, columns: list[_Column]) -> Geometry:
    """Return a figure that flows down with its *columns* side by side."""
    frames: dict[str, list[Rectangle]] = {name: [] for name in geometry.frames}
    offsets: list[Point] = []
    left = bottom = 0.0
    for column in columns:
        drawn = _drawn(geometry, column)
        parts = _frame_parts(geometry, column, drawn)
        everything = Rectangle(0.0, column.low, geometry.width, column.high - column.low)
        begin, end = _extent(drawn, column, parts.values(), within=everything)
        offset = left + MARGIN - begin, (MARGIN if column.first else 0.0) - column.top
        for name, part in parts.items():
            frames[name].append(_moved(part, offset))
        offsets.append(offset)
        left += end - begin + _APART
        bottom = max(bottom, column.bottom + offset[1] + (MARGIN if column.last else 0.0))

    def moved(rectangle: Rectangle) -> Rectangle:
        return _moved(rectangle, offset_at(rectangle.y + rectangle.height / 2))

    def offset_at(v: float) -> Point:
        return next(at for column, at in zip(columns, offsets, strict=True) if v < column.high or column.last is None)

    lines = {edge: _line_parts(edge.source, line, columns, offsets) for edge, line in geometry.lines.items()}
    return replace(
        geometry,
        width=round(left - _APART + 2 * MARGIN, 2),
        height=round(bottom, 2),
        boxes={name: moved(one) for name, one in geometry.boxes.items()},
        frames={name: parts[0] for name, parts in frames.items()},
        frame_parts={name: tuple(parts[1:]) for name, parts in frames.items() if parts[1:]},
        lines={edge: parts[-1] for edge, parts in lines.items()},
        line_starts={edge: tuple(parts[:-1]) for edge, parts in lines.items() if parts[:-1]},
        labels=tuple(label._replace(rectangle=moved(label.rectangle)) for label in geometry.labels),
        stubs=tuple(
            stub._replace(
                rectangle=moved(stub.rectangle),
                line=tuple(_shifted(point, offset_at(stub.rectangle.y)) for point in stub.line),
            )
            for stub in geometry.stubs
        ),
        connectors=tuple(_connectors(geometry, columns, offsets)),
    )


class _Drawn(NamedTuple):
    """What is drawn in a column but frames: rectangles, and pieces of lines, some of which reach out of it."""

    solid: list[Rectangle]
    pieces: list[tuple[Point, Point]]


def _drawn(geometry: Geometry, column: _Column) -> _Drawn:
    solid = [*geometry.boxes.values(), *(label.rectangle for label in geometry.labels)]
    solid += [stub.rectangle for stub in geometry.stubs]
    return _Drawn(
        [one for one in solid if column.low <= one.y < column.high],
        [
            (begin, end)
            for line in geometry.lines.values()
            for begin, end in pairwise(line)
            if max(begin[1], end[1]) >= column.low and min(begin[1], end[1]) <= column.high
        ],
    )


def _frame_parts(geometry: Geometry, column: _Column, drawn: _Drawn) -> dict[str, Rectangle]:
    """Return the parts of frames in a column; one that goes on from the column before is no wider than it needs.

    So is each part of a frame in rows; its title is along the flow.
    """
    found: dict[str, Rectangle] = {}
    for name, frame in reversed(geometry.frames.items()):  # the inner ones first
        part = column.part(name, frame)
        goes_on = column.first is not None and name in column.first.frames
        is_cut = goes_on or (column.last is not None and name in column.last.frames)
        if part is not None and (goes_on if column.titled else is_cut):
            inner = [one for other, one in found.items() if holds(frame, geometry.frames[other])]
            low, high = _extent(drawn, column, inner, within=frame)
            low = max(frame.x, low - PAD - (0.0 if column.titled else TITLE_ROOM))
            needed = continued_width(geometry, name) if column.titled else 0.0
            high = min(frame.x + frame.width, max(high + PAD, low + needed))
            part = Rectangle(low, part.y, high - low, part.height)
        if part is not None:
            found[name] = part
    return {name: found[name] for name in geometry.frames if name in found}


def continued_width(geometry: Geometry, name: str) -> float:
    """Return the width that the title of a frame needs where it goes on."""
    return text_width(continued(geometry.texts[name].titles[0]), TITLE) + 2 * PAD


def continued(title: str) -> str:
    """Return the title of a frame that goes on in another column."""
    return f"… {title}"


def _extent(drawn: _Drawn, column: _Column, frames: Iterable[Rectangle], *, within: Rectangle) -> tuple[float, float]:
    """Return how far *frames*, and what else of a column is *within* a rectangle, reach across the flow."""
    reach = [(one.x, one.x + one.width) for one in drawn.solid if holds(within, one)]
    reach += [(one.x, one.x + one.width) for one in frames]
    low, high = max(column.low, within.y), min(column.high, within.y + within.height)
    for (u, begin), (other, end) in drawn.pieces:
        if max(begin, end) >= low and min(begin, end) <= high and within.x <= u <= within.x + within.width:
            reach.append((min(u, other), max(u, other)))
    for cut in (column.first, column.last):
        for one in cut.crossings if cut is not None else ():
            reach.append((one.at - RADIUS, one.at + RADIUS))
    return min(low for low, _ in reach), max(high for _, high in reach)


def _line_parts(value: str, line: Line, columns: list[_Column], offsets: list[Point]) -> list[Line]:
    """Return the parts of the line of a *value*, each in its column; it has none where it only leads past.

    Of lines of one value that cross the end of a column, one is drawn there.
    """
    found: list[Line] = []
    low, high = min(v for _, v in line), max(v for _, v in line)
    for column, offset in zip(columns, offsets, strict=True):
        if high < column.low or low > column.high or _leads_past(line, column):
            continue
        part = [point for point in line if column.low <= point[1] < column.high]
        first, last = _crossing(value, line, column.first), _crossing(value, line, column.last)
        if column.last and last and last not in column.last.ends:
            continue
        if column.first and first:
            part[:0] = [(u, column.low - distance) for u, distance in first.way(column.first.lead)]
        if column.last and last:
            part += [(u, column.high + distance) for u, distance in reversed(last.way(column.last.lead))]
        if part:
            found.append(tuple(_shifted(point, offset) for point in part))
    return found


def _leads_past(line: Line, column: _Column) -> bool:
    return line[0][1] < column.low and line[-1][1] >= column.high


def _crossing(value: str, line: Line, cut: Cut | None) -> Crossing | None:
    """Return where the line of a *value* crosses a cut, if it does."""
    crossed = [one for one in cut.crossings if one.value == value] if cut is not None else []
    if cut is None or not crossed:
        return None
    at = {*crossings(line, cut.v)}
    return next((one for one in crossed if one.u in at), None)


def _connectors(geometry: Geometry, columns: list[_Column], offsets: list[Point]) -> Iterator[Connector]:
    """Yield the circles at the ends of columns and at the starts of those after them; each value has one number."""
    numbers: dict[str, int] = {}
    for (column, here), (after, there) in pairwise(zip(columns, offsets, strict=True)):
        cut = column.last
        assert cut is not None
        ending = _crossed_in(geometry, column, cut)
        starting = _crossed_in(geometry, after, cut)
        for one in cut.crossings:
            if one in ending and one in cut.ends:
                number = numbers.setdefault(one.value, len(numbers) + 1)
                yield Connector(number, _shifted((one.at, cut.v + cut.lead + RADIUS), here), begins=False)
        for one in cut.crossings:
            if one in starting:
                yield Connector(numbers[one.value], _shifted((one.at, cut.v - cut.lead - RADIUS), there), begins=True)


def _crossed_in(geometry: Geometry, column: _Column, cut: Cut) -> set[Crossing]:
    """Return the crossings of a *cut* at which lines begin or end that do not only lead past a *column*."""
    lines = ((edge.source, line) for edge, line in geometry.lines.items() if not _leads_past(line, column))
    return {one for value, line in lines if (one := _crossing(value, line, cut)) is not None}


def _shifted(point: Point, offset: Point) -> Point:
    return round(point[0] + offset[0], 2), round(point[1] + offset[1], 2)


def _moved(one: Rectangle, offset: Point) -> Rectangle:
    return Rectangle(*_shifted((one.x, one.y), offset), one.width, one.height)


def _turned(geometry: Geometry) -> Geometry:
    """Return a figure with right and down exchanged."""

    def turned(one: Rectangle) -> Rectangle:
        return Rectangle(one.y, one.x, one.height, one.width)

    def line(points: Line) -> Line:
        return tuple((y, x) for x, y in points)

    return replace(
        geometry,
        width=geometry.height,
        height=geometry.width,
        boxes={name: turned(one) for name, one in geometry.boxes.items()},
        frames={name: turned(one) for name, one in geometry.frames.items()},
        frame_parts={name: tuple(map(turned, parts)) for name, parts in geometry.frame_parts.items()},
        lines={edge: line(points) for edge, points in geometry.lines.items()},
        line_starts={edge: tuple(map(line, parts)) for edge, parts in geometry.line_starts.items()},
        labels=tuple(label._replace(rectangle=turned(label.rectangle)) for label in geometry.labels),
        stubs=tuple(stub._replace(rectangle=turned(stub.rectangle), line=line(stub.line)) for stub in geometry.stubs),
        connectors=tuple(one._replace(at=one.at[::-1]) for one in geometry.connectors),
    )


__all__ = ["Cutting", "InColumns", "continued"]
