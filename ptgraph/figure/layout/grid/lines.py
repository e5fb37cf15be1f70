"""Lines of a grid: their tracks in the channels, where they leave and enter boxes, and their corners."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ptgraph.figure.layout.channel_routing import Jog, assign_tracks
from ptgraph.figure.layout.grid.positions import Places
from ptgraph.figure.layout.grid.ways import Way
from ptgraph.figure.layout.orthogonal_routes import Point
from ptgraph.figure.layout.routing_plan import Edge
from ptgraph.figure.layout.spacing import LANE, TRACK

_NEAR = 2.5  # points within which two lines would be one
_STEP = 6.0  # between lines that enter one side of a box, at most

_Track = tuple[str, int, str, int]  # "u" or "v", the number of the channel, the value, and the gap it comes from or -1


@dataclass(frozen=True)
class Lines:
    """The corners of each line, and how many tracks there are in each channel between *columns*, and between *rows*."""

    corners: dict[Edge, list[Point]]
    columns: dict[int, int]
    rows: dict[int, int]


def lines(ways: Mapping[Edge, Way], places: Places) -> Lines:
    """Return the lines of a grid whose boxes are at *places*."""
    drawing = _Drawing(ways, places)
    for edge, way in ways.items():
        drawing.leaving[edge] = places.middle(edge.source)
        drawing.entering[edge] = places.middle(edge.target)
        if way.source.spans and way.kind != "down":
            drawing.leaving[edge] = places.within(edge.source, places.middle(edge.target))
        elif way.target.spans and way.kind == "straight":
            drawing.entering[edge] = places.within(edge.target, drawing.leaving[edge])
    for side in ("left", "right"):
        drawing.enter(side)
    tracks = drawing.tracks()
    columns: dict[int, int] = {}
    rows: dict[int, int] = {}
    heights = drawing.heights(tracks)
    for (axis, number, _, _), track in tracks.items():
        counts = columns if axis == "u" else rows
        counts[number] = max(counts.get(number, 0), track + 1)
    return Lines({edge: drawing.corners(edge, way, tracks, heights) for edge, way in ways.items()}, columns, rows)


@dataclass(frozen=True)
class _Drawing:
    """The positions of lines along the flow where they leave and enter boxes at their sides."""

    ways: Mapping[Edge, Way]
    places: Places
    leaving: dict[Edge, float] = field(default_factory=dict)
    entering: dict[Edge, float] = field(default_factory=dict)

    def is_straight(self, edge: Edge) -> bool:
        return self.ways[edge].kind == "straight" and abs(self.leaving[edge] - self.entering[edge]) < 0.01

    def enter(self, side: str) -> None:
        """Let the lines that enter one side of a box do so apart from each other."""
        into: dict[tuple[str, float], list[Edge]] = defaultdict(list)
        for edge, way in self.ways.items():
            if way.kind in (("back",) if side == "right" else ("straight", "jog", "over")):
                into[edge.target, self.entering[edge] if way.target.spans else 0.0].append(edge)
        for (target, _), edges in into.items():
            straight = [edge for edge in edges if self.is_straight(edge)]
            others = sorted((edge for edge in edges if edge not in straight), key=self._comes_from)
            middle = self.entering[edges[0]]
            along = self.places.sizes[target].along
            room = max(along / 2 - 2.0, 1.0)
            free = side == "left" and not straight and self._is_free(target, middle)
            if free:
                slots = [number - (len(others) - 1) / 2 for number in range(len(others))]
            else:
                above = [edge for edge in others if self._comes_from(edge) < middle]
                slots = [float(number - len(above)) for number in range(len(above))]
                slots += [float(number + 1) for number in range(len(others) - len(above))]
            most = max((abs(slot) for slot in slots), default=1.0) or 1.0
            step = min(_STEP, room / most)
            for edge, slot in zip(others, slots, strict=True):
                self.entering[edge] = middle + step * slot

    def _is_free(self, target: str, middle: float) -> bool:
        """Return whether no line leaves a box in the column before *target* at the height of its middle."""
        column = next(way.target.column for edge, way in self.ways.items() if edge.target == target)
        return not any(
            way.source.column == column - 1 and abs(self.leaving[edge] - middle) < _NEAR
            for edge, way in self.ways.items()
            if way.kind != "down"
        )

    def _comes_from(self, edge: Edge) -> float:
        way = self.ways[edge]
        return self.places.gaps[way.gap] if way.kind == "over" else self.leaving[edge]

    def _middle_of_channel(self, number: int) -> float:
        return self.places.channels[number]

    def tracks(self) -> dict[_Track, int]:
        """Return the track of each value in each channel."""
        jogs: dict[tuple[str, int], dict[Jog, list[float]]] = defaultdict(lambda: defaultdict(list))
        names: dict[tuple[str, int, Jog], _Track] = {}
        for edge in self.ways:
            for track, start, end in self._parts(edge):
                axis, number, value, gap = track
                jog = Jog(f"{value} {gap}", start)
                names[axis, number, jog] = track
                jogs[axis, number][jog].append(end)
        return {
            names[axis, number, jog]: track
            for (axis, number), inside in jogs.items()
            for jog, track in assign_tracks(dict(inside)).items()
        }

    def _parts(self, edge: Edge) -> Iterator[tuple[_Track, float, float]]:
        """Yield the parts of a line in channels: where it begins and ends."""
        way = self.ways[edge]
        value, places = self._value(edge), self.places
        leaves, enters = self.leaving[edge], self.entering[edge]
        if way.kind == "over":
            gap = places.gaps[way.gap]
            yield ("u", way.first, value, -1), leaves, gap
            yield ("v", way.gap, value, way.first), self._middle_of_channel(way.first), places.channels[way.last]
            yield ("u", way.last, value, way.gap), gap, enters
        elif way.kind in ("jog", "back") or (way.kind == "straight" and not self.is_straight(edge)):
            yield ("u", way.first, value, -1), leaves, enters

    def _value(self, edge: Edge) -> str:
        """Return the name of what a line shares its way with: the value, and of a box that spans rows the row."""
        return f"{edge.source} {self.leaving[edge]:.1f}" if self.ways[edge].source.spans else edge.source

    def heights(self, tracks: Mapping[_Track, int]) -> dict[_Track, float]:
        """Return the height of each track above a row: as low as the boxes of the columns that it crosses allow."""
        places = self.places
        found = {track: places.gaps[track[1]] + TRACK * number for track, number in tracks.items() if track[0] == "v"}
        ends: dict[_Track, list[int]] = defaultdict(list)
        low: dict[_Track, bool] = {}
        for edge, way in self.ways.items():
            if way.kind == "over":
                track = "v", way.gap, self._value(edge), way.first
                ends[track] += [way.first, way.last]
                low[track] = low.get(track, True) and way.gap == way.target.top
        for gap in {track[1] for track in found}:
            lowered = self._lowered({track: ends[track] for track in found if track[1] == gap and low[track]}, found)
            if gap == 0 or all(height >= places.gaps[gap] for height in lowered.values()):
                found.update(lowered)
        return found

    def _lowered(self, ends: Mapping[_Track, list[int]], heights: Mapping[_Track, float]) -> dict[_Track, float]:
        """Return the lowest heights of tracks above one row; *ends* are the columns between which each leads."""
        found: dict[_Track, float] = {}
        fixed = {track: height for track, height in heights.items() if track not in ends}
        for track in sorted(ends, key=lambda one: (max(ends[one]) - min(ends[one]), one[3])):
            columns = range(min(ends[track]) + 1, max(ends[track]) + 1)
            height = min(self.places.top_of(track[1], column) for column in columns) - LANE
            taken = [*fixed.values(), *(found[other] for other in found if _share(ends[track], ends[other]))]
            while any(abs(height - other) < TRACK - 0.01 for other in taken):
                height -= 1.0
            found[track] = height
        return found

    def corners(
        self, edge: Edge, way: Way, tracks: Mapping[_Track, int], heights: Mapping[_Track, float]
    ) -> list[Point]:
        """Return the corners of a line."""
        places, value = self.places, self._value(edge)
        source, target = places.boxes[edge.source], places.boxes[edge.target]
        leaves, enters = self.leaving[edge], self.entering[edge]
        if way.kind == "down":
            down = places.middle(edge.target) > places.middle(edge.source)
            return [(source.u, self._end(edge.source, below=down)), (target.u, self._end(edge.target, below=not down))]
        begin = source.u + self._half(edge.source, leaves), leaves
        if way.kind == "elbow":
            below = leaves > places.middle(edge.target)
            return [begin, (target.u, leaves), (target.u, self._end(edge.target, below=below))]
        side = 1 if way.kind == "back" else -1
        end = target.u + side * self._half(edge.target, enters), enters
        points = [begin]
        if way.kind == "over":
            along = heights["v", way.gap, value, way.first]
            first = places.channels[way.first] + TRACK * tracks["u", way.first, value, -1]
            last = places.channels[way.last] + TRACK * tracks["u", way.last, value, way.gap]
            points += [(first, leaves), (first, along), (last, along), (last, enters)]
        elif not self.is_straight(edge):
            first = places.channels[way.first] + TRACK * tracks["u", way.first, value, -1]
            points += [(first, leaves), (first, enters)]
        return [*points, end]

    def _end(self, name: str, *, below: bool) -> float:
        along = self.places.sizes[name].along
        return self.places.middle(name) + (along / 2 if below else -along / 2)

    def _half(self, name: str, at: float) -> float:
        """Return how far a box reaches from its spine at a height: a sign is round."""
        size = self.places.sizes[name]
        half = size.across / 2
        if not size.round:
            return half
        return math.sqrt(max(half**2 - (at - self.places.middle(name)) ** 2, 0.0))


def _share(ends: list[int], others: list[int]) -> bool:
    return max(min(ends), min(others)) <= min(max(ends), max(others))


def are_apart(corners: Mapping[Edge, list[Point]]) -> bool:
    """Return whether no two lines of different values lie on each other."""
    parts = [(edge.source, *pair) for edge, points in corners.items() for pair in pairwise(points)]
    for number, (value, (u, v), (end_u, end_v)) in enumerate(parts):
        for other, (a, b), (end_a, end_b) in parts[:number]:
            if other == value:
                continue
            if u == end_u and a == end_a and abs(u - a) < _NEAR and _overlap(v, end_v, b, end_b):
                return False
            if v == end_v and b == end_b and abs(v - b) < _NEAR and _overlap(u, end_u, a, end_a):
                return False
    return True


def _overlap(begin: float, end: float, other: float, last: float) -> bool:
    return max(min(begin, end), min(other, last)) < min(max(begin, end), max(other, last)) - 0.5


__all__ = ["Lines", "are_apart", "lines"]
