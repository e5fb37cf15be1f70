"""Orthogonal routes: the corners of the line of each edge, once all parts have a position."""

from __future__ import annotations

from dataclasses import dataclass

from ptgraph.figure.layout.line_ends import entry_position, jogs
from ptgraph.figure.layout.placement import Placed
from ptgraph.figure.layout.routing_plan import ColumnChange, Edge, EntrySide, Hop, Leg
from ptgraph.figure.layout.series_parallel import Leaf, Tree
from ptgraph.figure.layout.sizes import Sizes
from ptgraph.figure.layout.spacing import STRIP

Point = tuple[float, float]  # u and v


def routes(sizes: Sizes, placed: Placed) -> dict[Edge, list[Point]]:
    """Return the corners of the line of each edge, from its source to its target."""
    routing = _Routing(sizes, placed)
    return {edge: _corners(routing.points(edge, legs)) for edge, legs in sizes.plan.edges.items()}


@dataclass(frozen=True)
class _Routing:
    """The sizes and positions between which lines are routed.

    *points* is the line so far, to which points are added; *level* is the height of the side entry of its edge.
    """

    sizes: Sizes
    placed: Placed

    def points(self, edge: Edge, legs: list[Leg]) -> list[Point]:
        source, target = self.placed.boxes[edge.source], self.placed.boxes[edge.target]
        size = self.sizes.boxes[edge.target]
        points: list[Point] = [(source.u, source.v + self.sizes.boxes[edge.source].along)]
        level = self._side_level(edge, legs[-1])
        for leg in legs:
            self._add_leg(points, leg, level)
        at_sign = size.round and abs(points[-1][1] - target.v - size.along / 2) < 0.01
        if legs[-1].side is None and not at_sign:
            points.append((points[-1][0], target.v))
        return points

    def _side_level(self, edge: Edge, last: Leg) -> float:
        """Return at which height *edge*, of which *last* is the last leg, enters the side of its target."""
        size, position = self.sizes.boxes[edge.target], self.placed.boxes[edge.target]
        beside = [leg for leg in self.sizes.plan.into.get(edge.target, []) if leg.side is not None]
        number = beside.index(last) if last in beside else 0
        return position.v + size.along * (number + 1) / (max(len(beside), 1) + 1)

    def _add_leg(self, points: list[Point], leg: Leg, level: float) -> None:
        for hop in leg.hops:
            self._add_hop(points, leg, hop, level)
        if leg.change is not None:
            self._add_change(points, leg, leg.change, level)
        for hop in leg.hops_after:
            self._add_hop(points, leg, hop, level)
        if leg.side is not None and leg.target is not None:
            points.append((self._border(leg.target, leg.side), level))

    def _add_change(self, points: list[Point], leg: Leg, change: ColumnChange, level: float) -> None:
        tree, start, end = change
        columns, at = self.sizes.columns[tree], self.placed.parts[tree]
        lane = at.u + columns.lanes[leg.value]
        if leg.changes_beside:
            points[-1] = (lane, points[-1][1])
        else:
            column = tree.parts[start]
            under = self.placed.parts[column].v + self.sizes.extents[column].length + STRIP
            points += [(points[-1][0], under), (lane, under)]
        if leg.side == "left":
            points.append((lane, level))
        else:
            entry = at.u + columns.spines[end] + entry_position(self.sizes, tree.parts[end], leg)
            points += [(lane, at.v + STRIP / 2), (entry, at.v + STRIP / 2)]

    def _border(self, name: str, side: EntrySide) -> float:
        """Return where across the flow the side of a box or a frame is."""
        size, position = self.sizes.boxes[name], self.placed.boxes[name]
        is_frame = name in self.sizes.plan.open_boxes
        left, right = (size.left, size.right) if is_frame else (size.across / 2, size.across / 2)
        return position.u + (right if side == "right" else -left)

    def _add_hop(self, points: list[Point], leg: Leg, hop: Hop, level: float) -> None:
        tree = hop.series
        at, stack = self.placed.parts[tree], self.sizes.stacks[tree]
        for number in sorted({hop.start, hop.end - 1}):
            if number < 0 or number >= len(tree.parts) - 1:
                continue
            for begin, end in jogs(self.sizes, tree, number, leg, hop):
                track = stack.tracks.get((number, leg.value, begin))
                if track is not None and abs(begin - end) > 0.01:
                    height = at.v + stack.ends[number] + track
                    points += [(at.u + begin, height), (at.u + end, height)]
        if leg.ends_at_side(hop):
            points.append((points[-1][0], level))
        elif hop.end < len(tree.parts):
            self._add_entry_of_sign(points, tree.parts[hop.end])

    def _add_entry_of_sign(self, points: list[Point], part: Tree) -> None:
        """Let a line that comes down beside a sign enter it at its side."""
        if not isinstance(part, Leaf) or not self.sizes.boxes[part.name].round:
            return
        position, u = self.placed.boxes[part.name], points[-1][0]
        radius = self.sizes.boxes[part.name].across / 2
        if abs(u - position.u) > radius:
            middle = position.v + radius
            points += [(u, middle), (position.u + (radius if u > position.u else -radius), middle)]


def _corners(points: list[Point]) -> list[Point]:
    """Return *points*, rounded to hundredths, without those within a straight line and those that stand twice."""
    found: list[Point] = []
    for u, v in points:
        point = round(u, 2), round(v, 2)
        if found and found[-1] == point:
            continue
        if len(found) > 1 and _in_line(found[-2], found[-1], point):
            found.pop()
        found.append(point)
    return found


def _in_line(a: Point, b: Point, c: Point) -> bool:
    return (a[0] == b[0] == c[0]) or (a[1] == b[1] == c[1])


__all__ = ["Point", "routes"]
