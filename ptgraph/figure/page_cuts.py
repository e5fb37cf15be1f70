"""Page cuts: where a long figure can be cut across the flow, and what crosses the cut there."""

from __future__ import annotations

import math
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from ptgraph.drawing.text_metrics import plain_width, text_width
from ptgraph.figure.box_text import LINE_UP, NOTE, TITLE
from ptgraph.figure.layout.areas import area_of
from ptgraph.figure.layout.axes import Rectangle
from ptgraph.figure.layout.layout import Geometry
from ptgraph.figure.layout.spacing import PAD

RADIUS = 5.5  # of a connector
TITLE_ROOM = TITLE * LINE_UP + 2  # the room for the title of a frame
_LEAD = 8.0  # from the cut to a connector
_LEAST_GAP = 4.0  # a cut is in a gap that is at least so long
_FEW = 4  # lines that a cut outside of all frames may cross
_BESIDE = 2 * RADIUS + 3  # from circle to circle
_TURN = 4.0  # between the turns of lines that lead to circles beside each other
_IMAGES = 4, 5  # ranks of batches of images, and of volumes

Point = tuple[float, float]
Line = tuple[Point, ...]


class Crossing(NamedTuple):
    """The line of a *value* that crosses a cut at *u*. Its circle is at *at*; it turns there *turn* from the cut."""

    value: str
    u: float
    at: float
    turn: float

    def way(self, lead: float) -> list[Point]:
        """Return the points from its circle, *lead* from the cut, to the cut; the second of each is that distance."""
        return [(self.at, lead)] + ([(self.at, self.turn), (self.u, self.turn)] if self.at != self.u else [])


class Cut(NamedTuple):
    """A cut across the flow at *v*, which lines cross; *frames* are cut as well, the outermost first."""

    v: float
    crossings: tuple[Crossing, ...]
    frames: tuple[str, ...]

    @property
    def lead(self) -> float:
        """The distance from the cut to the circles."""
        return _LEAD + _TURN * sum(one.at != one.u for one in self.crossings)

    @property
    def before(self) -> float:
        """The room after the last part of the column that ends here."""
        return self.lead + 2 * RADIUS + PAD * len(self.frames)

    @property
    def ends(self) -> tuple[Crossing, ...]:
        """The crossings at which lines are drawn to circles: one of each value, from which all its lines go on."""
        return tuple({one.value: one for one in reversed(self.crossings)}.values())

    def after(self, *, titled: bool) -> float:
        """The room before the first part of the column that begins here."""
        return 2 * RADIUS + self.lead + (PAD / 2 + TITLE_ROOM * titled) * len(self.frames)


def cuts(geometry: Geometry, whole: Collection[str], *, titled: bool) -> list[Cut]:
    """Return where a figure that flows down can be cut."""
    solid = [*geometry.boxes.values(), *(label.rectangle for label in geometry.labels)]
    solid += [stub.rectangle for stub in geometry.stubs]
    busy = [(one.y, one.y + one.height) for one in solid]
    for name, frame in geometry.frames.items():
        text = geometry.texts[name]
        title = text_width(text.titles[0], TITLE) + plain_width(text.note, NOTE) + 2 * PAD
        kept = frame.height if name in whole else TITLE_ROOM + 2 if titled else min(title, frame.height)
        busy.append((frame.y, frame.y + kept))
    begins: dict[float, list[_Span]] = defaultdict(list)  # what a cut goes through, by where it begins
    ends: dict[float, list[_Span]] = defaultdict(list)
    for span in _spans(geometry, busy):
        begins[span.low].append(span)
        ends[span.high].append(span)
    reach = {name: _reach(geometry, frame) for name, frame in geometry.frames.items()}
    found = []
    open_spans: Counter[_Crossed] = Counter()
    for low, high in pairwise(sorted({*begins, *ends})):
        open_spans.update(span.crossed for span in begins[low])
        open_spans.subtract(span.crossed for span in ends[low])
        open_spans += Counter()  # without those that have ended
        if high - low < _LEAST_GAP or None in open_spans:
            continue
        crossed = [one for one in open_spans if isinstance(one, tuple)]
        v = (low + high) / 2
        frames = tuple(name for name in geometry.frames if name in open_spans)
        if not crossed or len(crossed) > (1 if frames else _FEW):
            continue
        if all(reach[name][0] < v < reach[name][1] for name in frames):
            found.append(Cut(v, _side_by_side(crossed), frames))
    return _with_few_lines(geometry, found)


def _with_few_lines(geometry: Geometry, found: list[Cut]) -> list[Cut]:
    """Return the cuts of one line, and of those of several, the ones with the fewest between the same two boxes."""
    tops = sorted(box.y for box in geometry.boxes.values())
    gaps = [bisect(tops, cut.v) for cut in found]
    fewest: dict[int, int] = {}
    for cut, gap in zip(found, gaps, strict=True):
        fewest[gap] = min(fewest.get(gap, _FEW), len(cut.crossings))
    return [cut for cut, gap in zip(found, gaps, strict=True) if len(cut.crossings) in (1, fewest[gap])]


def is_turn(geometry: Geometry, cut: Cut) -> bool:
    """Return whether a *cut* is where levels of a pyramid are made no more, and read: a backbone ends, or a way back.

    The last value before it is the smallest of those that cross it, and what is made of it is larger; or the other way.
    """
    values = {one.value for one in cut.crossings}
    sizes = {value: size for value in values if (size := _resolution(geometry.shapes.get(value, "")))}
    if len(values) < 2 or len(sizes) < len(values):
        return False
    last = max(values, key=lambda value: geometry.boxes[value].y)
    readers = [edge.target for edge in geometry.lines if edge.source == last]
    after = [reader for reader in readers if geometry.boxes[reader].y > cut.v]
    made = min(after, key=lambda reader: geometry.boxes[reader].y, default="")
    size, others = _resolution(geometry.shapes.get(made, "")), sizes.values()
    if not size or min(others) == max(others):
        return False
    return sizes[last] == min(others) < size or sizes[last] == max(others) > size


def _resolution(shape: str) -> int:
    """Return how many pixels a value of a *shape* such as ``1×64×32×32`` has, or 0 if it is none of an image."""
    area = area_of(shape)
    return area.inner if area is not None and area.rank in _IMAGES else 0


def _side_by_side(crossed: Iterable[tuple[str, float]]) -> tuple[Crossing, ...]:
    """Return the crossings of lines, given by their values and where they are, from left to right.

    Their circles stand beside each other. Of the lines that turn, the last one turns the first.
    """
    found: list[Crossing] = []
    for value, u in sorted(crossed, key=lambda one: one[1]):
        at = max(u, found[-1].at + _BESIDE) if found else u
        found.append(Crossing(value, u, at, 0.0))
    turning = [one for one in found if one.at != one.u]
    return tuple(
        one._replace(turn=2.0 + _TURN * len(turning[turning.index(one) + 1 :])) if one in turning else one
        for one in found
    )


_Crossed = str | tuple[str, float] | None  # a frame, a value and where it is across the flow, or what is not cut


class _Span(NamedTuple):
    """What is crossed by a cut between *low* and *high*."""

    low: float
    high: float
    crossed: _Crossed


def _spans(geometry: Geometry, busy: Iterable[tuple[float, float]]) -> Iterator[_Span]:
    for low, high in busy:
        yield _Span(low, high, None)
    for name, frame in geometry.frames.items():
        yield _Span(frame.y, frame.y + frame.height, name)
    for edge, line in geometry.lines.items():
        for (u, begin), (other, end) in pairwise(line):
            if begin != end:
                yield _Span(min(begin, end), max(begin, end), (edge.source, u) if u == other else None)


def _reach(geometry: Geometry, frame: Rectangle) -> tuple[float, float]:
    """Return where the first box in a *frame* begins, and where the last one does."""
    inside = [box.y for box in geometry.boxes.values() if holds(frame, box)]
    return min(inside, default=math.inf), max(inside, default=-math.inf)


def crossings(line: Line, v: float) -> Iterator[float]:
    return (u for (u, begin), (_, end) in pairwise(line) if min(begin, end) < v < max(begin, end))


def holds(outer: Rectangle, inner: Rectangle) -> bool:
    across = outer.x <= inner.x and inner.x + inner.width <= outer.x + outer.width
    return across and outer.y <= inner.y and inner.y + inner.height <= outer.y + outer.height


__all__ = ["RADIUS", "TITLE_ROOM", "Crossing", "Cut", "Line", "Point", "crossings", "cuts", "holds", "is_turn"]
