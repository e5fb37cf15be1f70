"""Orthogonal routes: the corners of the line of each edge, once all parts have a position."""

from __future__ import annotations

from dataclasses import dataclass

from ptgraph.figure.layout.line_ends import entry_position, jogs
from ptgraph.figure.layout.placement import Placed
from ptgraph.figure.layout.routing_plan import ColumnChange, Edge, EntrySide, Hop, Leg
from ptgraph.figure.layout.sizes import Sizes
from ptgraph.figure.layout.spacing import EXIT, STRIP
from ptgraph.figure.layout.tree import Leaf, Parallel, Tree, UShape
from ptgraph.figure.layout.u_shape.columns import leaves_at_side, rises

Point = tuple[float, float]  # u and v


def routes(sizes: Sizes, placed: Placed) -> dict[Edge, list[Point]]:
    """Return the corners of the line of each edge, from its source to its target."""
    routing = _Routing(sizes, placed)
    return {edge: without_straight(routing.points(edge, legs)) for edge, legs in sizes.plan.edges.items()}


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
        along = self.sizes.boxes[edge.source].along
        points: list[Point] = [(source.u, source.along(along))]
        if any(leg.from_side for leg in legs):
            points = [(source.u + self.sizes.boxes[edge.source].across / 2, source.along(along / 2))]
            legs = [leg for leg in legs if leg.target is not None]
        level = self._side_level(edge, legs[-1])
        for leg in legs:
            self._add_leg(points, leg, level)
        at_sign = size.round and abs(points[-1][1] - target.along(size.along / 2)) < 0.01
        if legs[-1].side is None and not at_sign:
            points.append((points[-1][0], target.v))
        return points

    def _side_level(self, edge: Edge, last: Leg) -> float:
        """Return at which height *edge*, of which *last* is the last leg, enters the side of its target."""
        size, position = self.sizes.boxes[edge.target], self.placed.boxes[edge.target]
        beside = [leg for leg in self.sizes.plan.into.get(edge.target, []) if leg.side is not None]
        number = beside.index(last) if last in beside else 0
        return position.along(size.along * (number + 1) / (max(len(beside), 1) + 1))

    def _add_leg(self, points: list[Point], leg: Leg, level: float) -> None:
        for hop in leg.hops:
            self._add_hop(points, leg, hop, level)
        if leg.leaves is not None:
            self._add_exit(points, leg.leaves)
        if leg.change is not None and isinstance(leg.change.around, UShape):
            self._add_change_in_u(points, leg, leg.change.around, level)
        elif leg.change is not None:
            self._add_change(points, leg, leg.change, level)
        for hop in leg.hops_after:
            self._add_hop(points, leg, hop, level)
        if leg.side is not None and leg.target is not None:
            points.append((self._border(leg.target, leg.side), level))

    def _add_change(self, points: list[Point], leg: Leg, change: ColumnChange, level: float) -> None:
        tree, start, end = change
        assert isinstance(tree, Parallel)
        columns, at = self.sizes.columns[tree], self.placed.parts[tree]
        lane = at.u + columns.lanes[leg.value]
        if leg.changes_beside:
            points[-1] = (lane, points[-1][1])
        else:
            column = tree.parts[start]
            under = self.placed.parts[column].along(self.sizes.extents[column].length, STRIP)
            points += [(points[-1][0], under), (lane, under)]
        if leg.side == "left":
            points.append((lane, level))
        else:
            entry = at.u + columns.spines[end] + entry_position(self.sizes, tree.parts[end], leg)
            points += [(lane, at.along(STRIP / 2)), (entry, at.along(STRIP / 2))]

    def _add_exit(self, points: list[Point], tree: UShape) -> None:
        """Lead a line from the end of the right column past it, on along the flow."""
        at = self.placed.parts[tree]
        over, lane = at.along(EXIT / 2), at.u + self.sizes.u_columns[tree].exit
        points += [(points[-1][0], over), (lane, over)]

    def _add_change_in_u(self, points: list[Point], leg: Leg, tree: UShape, level: float) -> None:
        assert leg.change is not None
        _, start, end = leg.change
        u, at = self.sizes.u_columns[tree], self.placed.parts[tree]
        into = tree.all_parts[end]
        entry = at.u + u.spines[end] + (entry_position(self.sizes, into, leg) if leg.side is None else 0.0)
        if end == tree.bottom and leg.side is not None:
            points.append((points[-1][0], level))
        elif start == tree.bottom and not rises(self.sizes, tree.parts[start]):
            self._add_way_up(points, leg, tree, entry)
        elif start == len(tree.parts):
            pass  # from the side of the box between the columns straight on
        elif end == len(tree.parts):
            points.append((points[-1][0], level))
        elif not start < tree.bottom < end:
            self._add_track(points, tree, (tree.gap_before(end), leg.value, points[-1][0]), entry)
        else:
            self._add_skip(points, leg, tree, entry, level)

    def _add_way_up(self, points: list[Point], leg: Leg, tree: UShape, entry: float) -> None:
        """Lead a line from the bottom of a U to the right column: from the side of a box, or else from below."""
        at = self.placed.parts[tree]
        if leaves_at_side(self.sizes, tree):
            assert leg.source is not None
            position, size = self.placed.boxes[leg.source], self.sizes.boxes[leg.source]
            middle = position.along(size.along / 2)
            points[-1] = position.u + size.across / 2, middle
            points.append((entry, middle))
        else:
            under = at.along(self.sizes.extents[tree].length - 2)
            points += [(points[-1][0], under), (entry, under)]

    def _add_skip(self, points: list[Point], leg: Leg, tree: UShape, entry: float, level: float) -> None:
        """Lead a line across a U: straight if it can be, or else by a lane between the columns."""
        assert leg.change is not None
        _, start, end = leg.change
        u, at = self.sizes.u_columns[tree], self.placed.parts[tree]
        lane, row = at.u + u.lanes.get(leg.value, 0.0), tree.level(end)
        if leg.from_side:
            if leg.side is not None and abs(points[-1][1] - level) < 0.01:
                return
            points.append((lane, points[-1][1]))
        elif leg.changes_beside:
            points[-1] = lane, points[-1][1]
        elif leg.side is not None and row == start and leg.value not in u.lanes:
            points.append((points[-1][0], level))
            return
        elif leg.side is None and row == start:
            self._add_track(points, tree, (row, leg.value, points[-1][0]), entry)
            return
        else:
            self._add_track(points, tree, (start, leg.value, points[-1][0]), lane)
        if leg.side is not None:
            points.append((lane, level))
        else:
            self._add_track(points, tree, (row, leg.value, lane), entry)

    def _add_track(self, points: list[Point], tree: UShape, jog: tuple[int, str, float], end: float) -> None:
        at, u = self.placed.parts[tree], self.sizes.u_columns[tree]
        gap, value, begin = jog
        track = u.tracks.get((gap, value, round(begin - at.u, 2)))
        if track is not None:
            points += [(begin, at.along(track)), (end, at.along(track))]

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
                    height = at.along(stack.ends[number], track)
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
            middle = position.along(radius)
            points += [(u, middle), (position.u + (radius if u > position.u else -radius), middle)]


def without_straight(points: list[Point]) -> list[Point]:
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


__all__ = ["Point", "routes", "without_straight"]
