"""The ways of the edges of a figure, once all boxes stand: right angles only, around what is between."""

from __future__ import annotations

from ptgraph.figure.layout.routing_plan import Edge, Hop, Leg, Side
from ptgraph.figure.layout.series_parallel import Leaf, Tree
from ptgraph.figure.layout.sizes import STRIP, Rooms

Point = tuple[float, float]


class Routes:
    """Finds ways between the boxes of *rooms*."""

    def __init__(self, rooms: Rooms) -> None:
        self.plan, self.items, self.rooms, self.placed = rooms.plan, rooms.items, rooms.rooms, rooms

    def way(self, edge: Edge) -> list[Point]:
        """Return the corners of the way of *edge*, as (u, v)."""
        target = self.items[edge.target]
        legs = self.plan.edges[edge]
        source = self.items[edge.source]
        points = [(source.u, source.v + source.along)]
        level = self._side_level(edge)
        for leg in legs:
            self._walk(leg, points, level)
        aside = target.round and abs(points[-1][1] - target.v - target.along / 2) < 0.01
        if legs[-1].side is None and not aside:
            points.append((points[-1][0], target.v))
        return _straight(points)

    def _side_level(self, edge: Edge) -> float:
        """Return at which height *edge* enters the side of its target."""
        item = self.items[edge.target]
        beside = [leg for leg in self.placed.into.get(edge.target, []) if leg.side is not None]
        last = self.plan.edges[edge][-1]
        number = beside.index(last) if last in beside else 0
        count = max(len(beside), 1)
        return item.v + item.along * (number + 1) / (count + 1)

    def _walk(self, leg: Leg, points: list[Point], level: float) -> None:
        for hop in leg.hops:
            self._walk_hop(hop, points, level)
        if leg.across is not None:
            tree, start, end = leg.across
            room = self.rooms[tree]
            column = self.rooms[tree.parts[start]]
            lane = room.u + room.lanes[leg.value, 0]
            if self.placed.leaves_aside(leg):
                points[-1] = (lane, points[-1][1])
            else:
                under = column.v + column.length + STRIP
                points += [(points[-1][0], under), (lane, under)]
            if leg.side == "left":
                points.append((lane, level))
            else:
                entry = room.u + room.starts[end] + self.placed.entry(tree.parts[end], leg)
                points += [(lane, room.v + STRIP / 2), (entry, room.v + STRIP / 2)]
        for hop in leg.after:
            self._walk_hop(hop, points, level)
        if leg.side is not None and leg.target is not None:
            points.append((self._border(leg.target, leg.side), level))

    def _border(self, name: str, side: Side) -> float:
        """Return where the side of a box or a frame is."""
        item = self.items[name]
        left, right = (item.left, item.right) if name in self.plan.scopes else (item.across / 2, item.across / 2)
        return item.u + (right if side == "right" else -left)

    def _walk_hop(self, hop: Hop, points: list[Point], level: float) -> None:
        tree, leg = hop.series, hop.leg
        room = self.rooms[tree]
        for number in sorted({hop.start, hop.end - 1}):
            if number < 0 or number >= len(tree.parts) - 1:
                continue
            for before, beyond in self.placed.shifts(tree, number, hop):
                track = room.tracks.get((number, leg.value, before))
                if track is not None and abs(before - beyond) > 0.01:
                    height = room.v + room.ends[number] + track
                    points += [(room.u + before, height), (room.u + beyond, height)]
        if hop.side:
            points.append((points[-1][0], level))
        elif hop.end < len(tree.parts):
            self._into_sign(tree.parts[hop.end], points)

    def _into_sign(self, part: Tree, points: list[Point]) -> None:
        """Let a line that comes down beside a ⊕ enter it at its side."""
        if not isinstance(part, Leaf):
            return
        item, (u, _) = self.items[part.name], points[-1]
        radius = item.across / 2
        if item.round and abs(u - item.u) > radius:
            middle = item.v + radius
            points += [(u, middle), (item.u + (radius if u > item.u else -radius), middle)]


def _straight(points: list[Point]) -> list[Point]:
    """Return the corners alone: no point twice, and none within a straight line."""
    found: list[Point] = []
    for point in points:
        point = (round(point[0], 2), round(point[1], 2))
        if found and found[-1] == point:
            continue
        if len(found) > 1 and _in_line(found[-2], found[-1], point):
            found.pop()
        found.append(point)
    return found


def _in_line(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (a[0] == b[0] == c[0]) or (a[1] == b[1] == c[1])


__all__ = ["Point", "Routes"]
