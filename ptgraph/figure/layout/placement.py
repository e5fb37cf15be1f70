"""Where the boxes of a figure stand: how large all is, from the inside out, then its place, from the outside in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import zip_longest

from ptgraph.figure.layout.channel_routing import Shift, tracks
from ptgraph.figure.layout.routing_plan import Hop, Plan, Scope
from ptgraph.figure.layout.series_parallel import Leaf, Parallel, Series, Tree
from ptgraph.figure.layout.sizes import BESIDE, CLEAR, ENTRY, GAP, HEAD, LANE, PAD, STRIP, TRACK, Item, Room, Rooms


class Placing(Rooms):
    """Places *items*, which are boxes, frames and ports by name, by a *plan*."""

    def __init__(self, plan: Plan, root: str, items: dict[str, Item], *, title_first: bool) -> None:
        super().__init__(plan, items)
        self.title_first = title_first
        for name in reversed(list(plan.scopes)):
            self._measure_scope(plan.scopes[name], frame=name != root)
        room = self.rooms[plan.scopes[root].tree]
        self.width, self.length = room.left + room.right, room.length
        self._set_tree(plan.scopes[root], plan.scopes[root].tree, room.left, 0.0)

    def _measure_scope(self, scope: Scope, *, frame: bool) -> None:
        room = self._measure(scope, scope.tree)
        if not frame:
            return
        item = self.items[scope.name]
        lead, trail = item.title
        left, right = room.left + PAD, room.right + PAD
        item.along = room.length + 2 * PAD
        if self.title_first:
            inside = [self.port(scope, port) for port in scope.ports.values()]
            left = max(left, lead + PAD - min(inside, default=right))
            right = max(right, trail + PAD + max(inside, default=-left))
            item.along += item.before
        else:
            left += item.before
            item.along = max(item.along, lead + trail + 2 * PAD)
        item.left, item.right, item.across = left, right, left + right

    def _measure(self, scope: Scope, tree: Tree) -> Room:
        if isinstance(tree, Leaf):
            item = self.items[tree.name]
            room = Room(item.left, item.right, item.along + item.after)
        elif isinstance(tree, Parallel):
            room = self._side_by_side(scope, tree)
        else:
            room = self._after_each_other(scope, tree)
        self.rooms[tree] = room
        return room

    def _level(self, tree: Parallel) -> None:
        """Let boxes in one row of branches have as much room for labels, so that what follows is in a row as well."""
        for row in zip_longest(*(part.parts if isinstance(part, Series) else [part] for part in tree.parts)):
            names = [part.name for part in row if isinstance(part, Leaf) and part.name not in self.plan.scopes]
            items = [self.items[name] for name in names]
            if len({item.along for item in items}) == 1:
                after = max(item.after for item in items)
                for item in items:
                    item.after = after

    def _side_by_side(self, scope: Scope, tree: Parallel) -> Room:
        if not tree.across:
            self._level(tree)
        rooms = [self._measure(scope, part) for part in tree.parts]
        crossing = {leg.value: leg for leg in self.crossing.get(tree, [])}
        at, starts = 0.0, []
        for number, room in enumerate(rooms):
            at += room.left
            starts.append(at)
            at += room.right + BESIDE + (TRACK * len(crossing) if number == 0 and crossing else 0)
        if self.names(tree) and all("←" in name and self.items[name].along == 0 for name in self.names(tree)):
            return self._ports_in_a_row(scope, tree, rooms)
        longest = max(range(len(rooms)), key=lambda k: rooms[k].length)
        others = max((room.length for k, room in enumerate(rooms) if k != longest), default=0.0)
        half = len(rooms) // 2
        middle = starts[half] if len(rooms) % 2 else (starts[half - 1] + starts[half]) / 2
        if rooms[longest].length > 2.2 * others:
            middle = starts[longest]
        if tree.main is not None:
            middle = starts[tree.main]
        starts = [start - middle for start in starts]
        if not tree.across:
            starts = self._close_by(scope, tree, rooms, starts)
        over = STRIP if any(leg.side != "left" for leg in crossing.values()) else 0.0
        length = max(room.length for room in rooms) + over
        if any(not self.leaves_aside(leg) for leg in crossing.values()):
            length = max(length, rooms[0].length + over + STRIP + 2)
        right = max(start + room.right for start, room in zip(starts, rooms, strict=True))
        found = Room(-starts[0] + rooms[0].left, right, length, starts=starts)
        found.over = over
        for number, value in enumerate(crossing):
            found.lanes[value, 0] = starts[0] + rooms[0].right + BESIDE / 2 + TRACK * number
        return found

    def _close_by(self, scope: Scope, tree: Parallel, rooms: list[Room], starts: list[float]) -> list[float]:
        """Return *starts* with lone boxes as near to what is left of them as that allows at their height."""
        whole = max(room.length for room in rooms)
        found = starts[:1]
        for number in range(1, len(rooms)):
            part, room = tree.parts[number], rooms[number]
            share = self.share(scope, tree, part)
            if not isinstance(part, Leaf) or part.name in self.plan.scopes or not self.lone(part.name, share):
                found.append(max(starts[number], found[-1] + rooms[number - 1].right + BESIDE + room.left))
                continue
            low, high = (whole - room.length - CLEAR, whole) if share else (0.0, room.length + CLEAR)
            edges = [
                at + (self.reach(other, low, high) if beside.length == whole else beside.right)
                for at, other, beside in zip(found, tree.parts[:number], rooms[:number], strict=True)
            ]
            found.append(max(edges) + BESIDE + room.left)
        return found

    def _ports_in_a_row(self, scope: Scope, tree: Parallel, rooms: list[Room]) -> Room:
        """Let the port that the most is read of stand on the spine, and the others to the right of it."""
        read = {
            port: sum(leg.value == v and leg.source is None for leg in scope.legs.values())
            for v, port in scope.ports.items()
        }
        names = self.names(tree)
        main = max(range(len(names)), key=lambda k: read[names[k]])
        starts, at = [0.0] * len(names), 0.0
        for k in range(len(names)):
            if k != main:
                at += ENTRY
                starts[k] = at
        return Room(1.0, 1.0 + at, 0.0, starts=starts)

    def _after_each_other(self, scope: Scope, tree: Series) -> Room:
        rooms = [self._measure(scope, part) for part in tree.parts]
        found = Room(max((r.left for r in rooms), default=0.0), max((r.right for r in rooms), default=0.0), 0.0)
        self.rooms[tree] = found
        hops = self.hops.get(tree, [])
        self._make_lanes(rooms, hops, found)
        self._spread_entries(tree, hops)
        beside: dict[int, list[Hop]] = defaultdict(list)  # the gap after which part → what begins or ends in it
        for hop in hops:
            for gap in dict.fromkeys((hop.start, hop.end - 1)):
                beside[gap].append(hop)
        for number, room in enumerate(rooms):
            found.starts.append(found.length)
            found.ends.append(found.length + room.length)
            found.length = found.ends[-1]
            if number < len(rooms) - 1:
                found.length += self._gap(scope, tree, number, beside[number])
        return found

    def _make_lanes(self, rooms: list[Room], hops: Iterable[Hop], found: Room) -> None:
        """Give each value that leads past parts a lane beside them; the longer ones are further out."""
        spans: dict[tuple[str, int], int] = {}
        for hop in hops:
            if hop.jumps and not self.out_aside(hop):
                key = hop.leg.value, hop.start
                spans[key] = max(spans.get(key, 0), hop.end if hop.side else hop.end - 1)
        done: list[tuple[int, int, float]] = []
        for (value, start), last in sorted(spans.items(), key=lambda span: (span[1] - span[0][1], span[0][1])):
            at = max(room.right for room in rooms[start + 1 : last + 1]) + LANE
            while any(abs(u - at) < TRACK and start <= end and begin <= last for begin, end, u in done):
                at += TRACK + 1
            at = max([at, *(u + TRACK + 1 for b, e, u in done if start + 1 <= e and b <= last)])
            done.append((start, last, at))
            found.lanes[value, start] = at
            found.right = max(found.right, at + 2)

    def _spread_entries(self, tree: Series, hops: Iterable[Hop]) -> None:
        """Let values enter a box from above where they come from, or as near as its width allows."""
        into: dict[int, list[Hop]] = defaultdict(list)
        for hop in hops:
            if not hop.side and hop.start >= 0:
                into[hop.end].append(hop)
        for number, part in enumerate(tree.parts):
            if not isinstance(part, Leaf) or part.name in self.plan.scopes or self.items[part.name].round:
                continue
            entering = into[number]
            values = {hop.leg.value: self._comes_from(tree, hop) for hop in entering}
            if len(values) < 2:
                continue
            ranked = sorted(values, key=lambda value: (values[value], value))
            reach = 0.4 * self.items[part.name].across
            step = min(ENTRY, 2 * reach / (len(ranked) - 1))
            at = [min(max(values[value], -reach), reach) for value in ranked]
            for k in range(1, len(at)):
                at[k] = max(at[k], at[k - 1] + step)
            for k in range(len(at) - 1, -1, -1):
                at[k] = min(at[k], reach - (len(at) - 1 - k) * step)
            for hop in entering:
                self.entries[part.name, hop.leg] = at[ranked.index(hop.leg.value)]

    def _comes_from(self, tree: Series, hop: Hop) -> float:
        room = self.rooms[tree]
        if hop.jumps:
            return room.lanes[hop.leg.value, hop.start]
        return self.exit(tree.parts[hop.start], hop.leg)

    def _gap(self, scope: Scope, tree: Series, number: int, hops: Iterable[Hop]) -> float:
        """Give each value that shifts aside between two parts a track, and return how long the gap is."""
        shifts: dict[Shift, list[float]] = {}
        for hop in hops:
            for before, beyond in self.shifts(tree, number, hop):
                if abs(before - beyond) > 0.01:
                    shifts.setdefault((hop.leg.value, before), []).append(beyond)
        placed = tracks(shifts)
        room = self.rooms[tree]
        from_port = all(part in scope.ports.values() for part in self.names(tree.parts[number]))
        lead = 1.0 if from_port else 4.0
        for (value, before), level in placed.items():
            room.tracks[number, value, before] = lead + TRACK * level
        if not shifts:
            return 2.0 if from_port else GAP
        return max(GAP - 2 * from_port, lead + TRACK * max(placed.values()) + HEAD)

    def _set_tree(self, scope: Scope, tree: Tree, u: float, v: float) -> None:
        room = self.rooms[tree]
        room.u, room.v = u, v
        if isinstance(tree, Leaf):
            item = self.items[tree.name]
            item.u, item.v = u, v
            if tree.name in self.plan.scopes:
                inner, before = self.plan.scopes[tree.name], item.before if self.title_first else 0.0
                self._set_tree(inner, inner.tree, u, v + PAD + before)
        elif isinstance(tree, Series):
            for part, start in zip(tree.parts, room.starts, strict=True):
                self._set_tree(scope, part, u, v + start)
        else:
            for part, start in zip(tree.parts, room.starts, strict=True):
                spare = 0.0 if tree.across else room.length - self.rooms[part].length
                self._set_tree(scope, part, u + start, v + room.over + spare * self.share(scope, tree, part))


__all__ = ["Placing"]
