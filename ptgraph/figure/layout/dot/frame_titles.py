"""Titles of frames among lines: where the words over a frame stand so that no line leads through them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from ptgraph.drawing.text_metrics import plain_width, text_width
from ptgraph.figure.box_text import APART, LINE_UP, NOTE, TITLE, BoxText
from ptgraph.figure.layout.axes import Rectangle
from ptgraph.figure.layout.dot.curves import Point
from ptgraph.figure.layout.spacing import PAST_TITLE, TITLE_INSET
from ptgraph.graph.view.model import Box

_STRIP = 5 + TITLE * LINE_UP  # points below the top of a frame in which its words stand


def widths(box: Box, text: BoxText) -> tuple[float, float]:
    """Return the widths of the words at the left over a frame, and of those at the right (0.0: none)."""
    note = plain_width(text.note, NOTE) if text.note else 0.0
    repeat = text_width(f"×{box.repeat}", TITLE) if box.repeat > 1 else 0.0
    return text_width(text.titles[0], TITLE), note + repeat + (APART if note and repeat else 0.0)


def insets(frame: Rectangle, start: float, end: float, lines: Iterable[Sequence[Point]]) -> tuple[float, float] | None:
    """Return how far words of the widths *start* and *end* are from the left and the right of *frame*.

    None is returned if *lines* leave no room for them.
    """
    low, high = frame.x + TITLE_INSET, frame.x + frame.width - TITLE_INSET
    busy = sorted(_crossings(frame, lines))
    free = [(low, high)]
    for begin, stop in busy:
        first, last = free.pop()
        free += [(first, begin - PAST_TITLE), (max(first, stop + PAST_TITLE), last)]
    left = next((begin for begin, stop in free if stop - begin >= start), None)
    if left is None:
        return None
    if not end:
        return left - frame.x, TITLE_INSET
    taken = left + start + 2 * PAST_TITLE
    right = next((stop for begin, stop in reversed(free) if stop - max(begin, taken) >= end), None)
    return (left - frame.x, frame.x + frame.width - right) if right is not None else None


def _crossings(frame: Rectangle, lines: Iterable[Sequence[Point]]) -> Iterable[tuple[float, float]]:
    """Yield from where to where along the top of *frame* each of *lines* is in the strip of its words."""
    top, bottom = frame.y, frame.y + _STRIP
    for line in lines:
        for (x, y), (end_x, end_y) in pairwise(line):
            if max(y, end_y) > top and min(y, end_y) < bottom:
                at = sorted((_at(x, y, end_x, end_y, top, bottom), _at(end_x, end_y, x, y, top, bottom)))
                if at[1] > frame.x and at[0] < frame.x + frame.width:
                    yield at[0], at[1]


def _at(x: float, y: float, end_x: float, end_y: float, top: float, bottom: float) -> float:
    """Return x of a line where it starts, or where it comes between *top* and *bottom* if it starts outside."""
    within = min(max(y, top), bottom)
    return x if y == end_y else x + (end_x - x) * (within - y) / (end_y - y)


__all__ = ["insets", "widths"]
