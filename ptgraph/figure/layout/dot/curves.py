"""Curves: the Bézier splines of Graphviz as corners of a line, which a drawing rounds."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, dist, hypot

Point = tuple[float, float]

_STEP = 6.0  # points: a corner at least so often, before those in a line are left out
_OFF = 0.12  # points by which a corner may be beside the line of its neighbours and still is left out
_STRAIGHT = 0.2  # points by which a line may bend and still is straight


def corners(spline: Sequence[Point]) -> list[Point]:
    """Return the corners of a *spline*: a start, and three points for each cubic piece."""
    found = [spline[0]]
    for k in range(0, len(spline) - 3, 3):
        piece = spline[k : k + 4]
        count = max(2, ceil((dist(piece[0], piece[1]) + dist(piece[1], piece[2]) + dist(piece[2], piece[3])) / _STEP))
        found += [_at(piece, step / count) for step in range(1, count + 1)]
    return found


def straightened(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the corners of a line without those that it hardly bends at."""
    if all(abs(x - points[0][0]) < _STRAIGHT for x, _ in points):
        return points[0], (points[0][0], points[-1][1])
    if all(abs(y - points[0][1]) < _STRAIGHT for _, y in points):
        return points[0], (points[-1][0], points[0][1])
    return tuple(_needed(list(points)))


def _needed(points: list[Point]) -> list[Point]:
    """Return the first and the last of *points*, and those between them that are off the way (Douglas–Peucker)."""
    (x, y), (end_x, end_y) = points[0], points[-1]
    length = hypot(end_x - x, end_y - y) or 1.0
    off = [abs((end_x - x) * (b - y) - (end_y - y) * (a - x)) / length for a, b in points[1:-1]]
    if not off or max(off) < _OFF:
        return [points[0], points[-1]]
    at = off.index(max(off)) + 1
    return _needed(points[: at + 1])[:-1] + _needed(points[at:])


def _at(piece: Sequence[Point], t: float) -> Point:
    weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    return (
        sum(weight * x for weight, (x, _) in zip(weights, piece, strict=True)),
        sum(weight * y for weight, (_, y) in zip(weights, piece, strict=True)),
    )


__all__ = ["Point", "corners", "straightened"]
