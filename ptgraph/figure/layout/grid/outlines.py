"""The outlines of the frames of a grid: around the boxes of each, and the lines between them, with room for a title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ptgraph.figure.layout.axes import Rectangle
from ptgraph.figure.layout.grid.model import Grid, GridFrame
from ptgraph.figure.layout.grid.positions import Places, title_end
from ptgraph.figure.layout.orthogonal_routes import Point
from ptgraph.figure.layout.routing_plan import Edge
from ptgraph.figure.layout.sizes import TitleSize
from ptgraph.figure.layout.spacing import PAD, PAST_TITLE, TITLE_INSET


def outlines(
    found: Grid, at: Places, titles: Mapping[str, TitleSize], corners: Mapping[Edge, Sequence[Point]]
) -> dict[str, Rectangle]:
    """Return the rectangle (u, v, across, along) of each frame, the outer ones first."""
    done: dict[str, Rectangle] = {}
    for frame in reversed(found.frames):  # the inner ones first
        spots = [_spot(at, name) for name, around in found.around.items() if frame.name in around]
        spots += [done[other.name] for other in found.frames if other.name in done and _is_within(found, other, frame)]
        points = [
            point
            for edge, line in corners.items()
            if frame.name in found.around[edge.source] and frame.name in found.around[edge.target]
            for point in line
        ]
        title = titles[frame.name]
        begin, end = at.spines[frame.first_column] - title.start, at.spines[frame.last_column]
        left = min([begin] + [spot.x for spot in spots] + [u for u, _ in points])
        right = max([end + title_end(frame, title)] + [spot.x + spot.width for spot in spots] + [u for u, _ in points])
        top = min([spot.y for spot in spots] + [v for _, v in points])
        bottom = max([spot.y + spot.height for spot in spots] + [v for _, v in points])
        for line in corners.values():  # lines that lead into it above its boxes run below its title
            for (u, v), (end, same) in pairwise(line):
                if v == same and at.titles[frame.top] < v < top and min(u, end) < right and left < max(u, end):
                    top = v
        width = max(right - left, title.start + title.end) + 2 * PAD
        top -= PAD + title.height
        done[frame.name] = Rectangle(left - PAD, top, width, bottom + PAD - top)
    return {frame.name: done[frame.name] for frame in found.frames}


def insets(found: Grid, at: Places, outlined: Mapping[str, Rectangle]) -> dict[str, tuple[float, float]]:
    """Return how far the text over each frame is from its sides: it ends before a line that leads up there."""
    result = {}
    for frame in found.frames:
        is_left_above = any(cell.column == frame.last_column and cell.last < frame.top for cell in found.cells)
        end = outlined[frame.name].x + outlined[frame.name].width - at.spines[frame.last_column] + PAST_TITLE
        is_wide = frame.first_column < frame.last_column
        result[frame.name] = TITLE_INSET, end if is_left_above and is_wide else TITLE_INSET
    return result


def _is_within(found: Grid, inner: GridFrame, outer: GridFrame) -> bool:
    chain = next(around for around in found.around.values() if inner.name in around)
    return outer.name in chain[: chain.index(inner.name)]


def _spot(at: Places, name: str) -> Rectangle:
    """Return the room that a box takes with its label and its stubs."""
    size, position = at.sizes[name], at.boxes[name]
    top = position.top(size.along) - size.after * position.up
    return Rectangle(position.u - size.left, top, size.left + size.right, size.along + size.after)


__all__ = ["insets", "outlines"]
