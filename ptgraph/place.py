"""Where the boxes of a figure stand, and the ways of its edges.

Along the flow lies the axis *v*, across it *u*: down and to the right in a figure that flows down, the other way round
in one that flows to the right. Each part of a scope has a spine, at its own u of 0; boxes are centred on it. Lengths
are in points.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .arrange import Leaf, Parallel, Series, Tree
from .plan import Edge, Hop, Leg, Plan, Scope, Side

GAP = 12.0  # between boxes after each other
TRACK = 5.0  # from line to line, in such a gap
BESIDE = 14.0  # between boxes beside each other
LANE = 9.0  # from a box to a line that leads past it
ENTRY = 12.0  # between values that enter a box from above
PAD = 8.0  # from a frame to what is inside
HEAD = 9.0  # between the last such line and the next box, with room for the head of an arrow
CLEAR = 3.5  # from a box to a line that does not lead to it
STRIP = 8.0  # under the first column of two, for the line that leads to the other


@dataclass(eq=False)
class Item:
    """A box, as far as its place goes: its *body* is centred on the spine, *left* and *right* are how far it reaches.

    *after* is room for the label of its value. Of a frame, *before* and *aside* are its title's room at the start and
    the left; *clear* how far from the spine a line may enter to the left and right of which a title stands.
    """

    across: float  # of the body
    along: float
    left: float = 0.0
    right: float = 0.0
    after: float = 0.0
    round: bool = False
    before: float = 0.0
    title: tuple[float, float] = (0.0, 0.0)
    u: float = 0.0
    v: float = 0.0


@dataclass(eq=False)
class Room:
    """The room of a part of a scope: how far it reaches from its spine, its length, and then where it stands."""

    left: float
    right: float
    length: float
    u: float = 0.0
    v: float = 0.0
    over: float = 0.0  # of two columns: the room above them, for a line from one to the top of the other
    starts: list[float] = field(default_factory=list)  # of its parts: along the flow, or across it
    ends: list[float] = field(default_factory=list)
    lanes: dict[tuple[str, int], float] = field(default_factory=dict)
    tracks: dict[tuple[int, str, float], float] = field(default_factory=dict)


class Placing:
    """Places *items*, which are boxes, frames and ports by name, by a *plan*."""

    def __init__(self, plan: Plan, root: str, items: dict[str, Item], *, title_first: bool) -> None:
        self.plan = plan
        self.items = items
        self.title_first = title_first
        self.rooms: dict[Tree, Room] = {}
        self.hops: dict[Series, list[Hop]] = {}
        self.crossing: dict[Parallel, list[Leg]] = {}
        self.entries: dict[tuple[str, Leg | None], float] = {}
        self.into: dict[str, list[Leg]] = {}
        for scope in plan.scopes.values():
            for port in scope.ports.values():
                self.items[port] = Item(0.0, 0.0, 1.0, 1.0)
            for leg in scope.legs.values():
                for hop in [*leg.hops, *leg.after]:
                    self.hops.setdefault(hop.series, []).append(hop)
                if leg.across:
                    self.crossing.setdefault(leg.across[0], []).append(leg)
                if leg.target is not None:
                    self.into.setdefault(leg.target, []).append(leg)
        for name in reversed(list(plan.scopes)):
            self._measure_scope(plan.scopes[name], frame=name != root)
        tree = plan.scopes[root].tree
        room = self.rooms[tree]
        self.width, self.length = room.left + room.right, room.length
        self._set(plan.scopes[root], room.left, 0.0)

    # How large everything is, from the inside out.

    def _measure_scope(self, scope: Scope, *, frame: bool) -> None:
        room = self._measure(scope, scope.tree)
        if not frame:
            return
        item = self.items[scope.name]
        lead, trail = item.title
        left, right = room.left + PAD, room.right + PAD
        item.along = room.length + 2 * PAD
        if self.title_first:
            inside = [u for port in scope.ports.values() if (u := self._port(scope, port)) is not None]
            left = max(left, lead + PAD - min(inside, default=right))
            right = max(right, trail + PAD + max(inside, default=-left))
            item.along += item.before
        else:
            left += item.before
            item.along = max(item.along, lead + trail + 2 * PAD)
        item.left, item.right, item.across = left, right, left + right

    def _port(self, scope: Scope, port: str) -> float:
        """Return how far from the spine of its scope a port is."""
        found = 0.0
        for tree, number in scope.ways[port].steps:
            if isinstance(tree, Parallel):
                found += self.rooms[tree].starts[number]
        return found

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

    def _side_by_side(self, scope: Scope, tree: Parallel) -> Room:
        rooms = [self._measure(scope, part) for part in tree.parts]
        crossing = {leg.value: leg for leg in self.crossing.get(tree, [])}
        at, starts = 0.0, []
        for number, room in enumerate(rooms):
            at += room.left
            starts.append(at)
            at += room.right + BESIDE + (TRACK * len(crossing) if number == 0 and crossing else 0)
        if self._names(tree) and all("←" in name and self.items[name].along == 0 for name in self._names(tree)):
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
        if any(not self._leaves_aside(leg) for leg in crossing.values()):
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
            share = self._share(scope, tree, part)
            if not isinstance(part, Leaf) or part.name in self.plan.scopes or not self._lone(scope, part.name, share):
                found.append(max(starts[number], found[-1] + rooms[number - 1].right + BESIDE + room.left))
                continue
            low, high = (whole - room.length - CLEAR, whole) if share else (0.0, room.length + CLEAR)
            edges = [
                at + (self._reach(other, low, high) if beside.length == whole else beside.right)
                for at, other, beside in zip(found, tree.parts[:number], rooms[:number], strict=True)
            ]
            found.append(max(edges) + BESIDE + room.left)
        return found

    @staticmethod
    def _lone(scope: Scope, name: str, share: float) -> bool:
        """Return whether nothing leads past a box: one that stands high feeds nothing, one that stands low reads it."""
        if share == 1:
            return True
        return share == 0 and not any(leg.source == name for leg in scope.legs.values()) and "←" not in name

    def _reach(self, tree: Tree, low: float, high: float) -> float:
        """Return how far *tree* reaches to the right between two heights, with the lines within it."""
        room = self.rooms[tree]
        if isinstance(tree, Leaf):
            return room.right
        if isinstance(tree, Parallel):
            spans = zip(tree.parts, room.starts, strict=True)
            return max(start + self._reach(part, low, high) for part, start in spans) if tree.main == 0 else room.right
        found = [0.0, *room.lanes.values()]
        for number, part in enumerate(tree.parts):
            begin = room.ends[number - 1] + CLEAR if number else 0.0
            end = room.starts[number + 1] - HEAD + 1 if number + 1 < len(tree.parts) else room.length
            if begin < high and low < end:
                found.append(self._reach(part, low - room.starts[number], high - room.starts[number]))
        return max(found)

    def _ports_in_a_row(self, scope: Scope, tree: Parallel, rooms: list[Room]) -> Room:
        """Let the port that the most is read of stand on the spine, and the others to the right of it."""
        read = {
            port: sum(leg.value == v and leg.source is None for leg in scope.legs.values())
            for v, port in scope.ports.items()
        }
        names = self._names(tree)
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
        for number, room in enumerate(rooms):
            found.starts.append(found.length)
            found.ends.append(found.length + room.length)
            found.length = found.ends[-1]
            if number < len(rooms) - 1:
                found.length += self._gap(scope, tree, number, hops)
        return found

    def _leaves_aside(self, leg: Leg) -> bool:
        return bool(leg.hops) and self._out_aside(leg.hops[-1])

    @staticmethod
    def _out_aside(hop: Hop) -> bool:
        """Return whether *hop* leaves a column for the one beside it, straight from the gap after its source."""
        across = hop.leg.across
        return across is not None and hop.series is across[0].parts[across[1]] and hop.start < hop.end - 1

    def _make_lanes(self, rooms: list[Room], hops: Iterable[Hop], found: Room) -> None:
        """Give each value that leads past parts a lane beside them; the longer ones are further out."""
        spans: dict[tuple[str, int], int] = {}
        for hop in hops:
            if hop.jumps and not self._out_aside(hop):
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
        for number, part in enumerate(tree.parts):
            if not isinstance(part, Leaf) or part.name in self.plan.scopes or self.items[part.name].round:
                continue
            entering = [hop for hop in hops if hop.end == number and not hop.side and hop.start >= 0]
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
        return self._exit(tree.parts[hop.start], hop.leg)

    def _gap(self, scope: Scope, tree: Series, number: int, hops: Iterable[Hop]) -> float:
        """Give each value that shifts aside between two parts a track, and return how long the gap is."""
        shifts: dict[tuple[str, float], list[float]] = {}
        for hop in hops:
            for before, beyond in self._shifts(tree, number, hop):
                if abs(before - beyond) > 0.01:
                    shifts.setdefault((hop.leg.value, before), []).append(beyond)
        ordered = self._ordered(shifts)
        levels: list[list[tuple[float, float]]] = []
        placed: dict[tuple[str, float], int] = {}
        for key in ordered:
            low, high = min(key[1], *shifts[key]), max(key[1], *shifts[key])
            first = max((placed[k] + 1 for k in placed if self._above(k, shifts[k], key)), default=0)
            while any(low < h + 3 and lo < high + 3 for lo, h in (levels[first] if first < len(levels) else [])):
                first += 1
            while first >= len(levels):
                levels.append([])
            levels[first].append((low, high))
            placed[key] = first
        room = self.rooms[tree]
        from_port = all(part in scope.ports.values() for part in self._names(tree.parts[number]))
        lead = 1.0 if from_port else 4.0
        for (value, before), level in placed.items():
            room.tracks[number, value, before] = lead + TRACK * level
        if from_port and not shifts:
            return 2.0
        return max(GAP - 2 * from_port, lead + TRACK * (len(levels) - 1) + HEAD)

    @staticmethod
    def _above(one: tuple[str, float], ends: list[float], other: tuple[str, float]) -> bool:
        """Return whether *other* begins where *one* ends..."""
        return any(abs(end - other[1]) < 2 for end in ends)

    @staticmethod
    def _ordered(shifts: dict[tuple[str, float], list[float]]) -> list[tuple[str, float]]:
        """Return the shifts such that one that begins where another ends stands above that."""
        waiting = sorted(shifts, key=lambda key: (max(abs(end - key[1]) for end in shifts[key]), key[1]))
        found: list[tuple[str, float]] = []
        while waiting:
            free = [
                key
                for key in waiting
                if not any(abs(end - other[1]) < 2 for other in waiting if other != key for end in shifts[key])
            ]
            found.append((free or waiting)[0])
            waiting.remove(found[-1])
        return found

    def _names(self, tree: Tree) -> list[str]:
        if isinstance(tree, Leaf):
            return [tree.name]
        return [name for part in tree.parts for name in self._names(part)]

    def _shifts(self, tree: Series, number: int, hop: Hop) -> list[tuple[float, float]]:
        """Return from where to where across the flow *hop* shifts in the gap after the part *number*."""
        room, parts, leg = self.rooms[tree], tree.parts, hop.leg
        found: list[tuple[float, float]] = []
        if self._out_aside(hop):
            return [(self._exit(parts[number], leg), room.right + BESIDE / 2)] if hop.start == number else []
        if hop.start == number and hop.end < len(parts) and not hop.jumps:
            begin = self._exit(parts[number], leg)
            found.append((begin, self._turn(parts[hop.end], leg, begin)))
        elif hop.start == number and hop.jumps:
            found.append((self._exit(parts[number], leg), room.lanes[leg.value, number]))
        if hop.jumps and not hop.side and hop.end - 1 == number and hop.end < len(parts):
            begin = room.lanes[leg.value, hop.start]
            found.append((begin, self._turn(parts[hop.end], leg, begin)))
        return found

    def _turn(self, part: Tree, leg: Leg, begin: float) -> float:
        """Return where *leg* enters *part*; a ⊕ it enters at its side, with no turn before."""
        if isinstance(part, Leaf) and self.items[part.name].round and abs(begin) > self.items[part.name].across / 2:
            return begin
        return self._entry(part, leg)

    def _entry(self, tree: Tree, leg: Leg) -> float:
        """Return where *leg* enters *tree* from above."""
        if isinstance(tree, Leaf):
            scope = self.plan.scopes.get(tree.name)
            if scope is not None and leg.value in scope.ports:
                return self._port(scope, scope.ports[leg.value])
            return self.entries.get((tree.name, leg), 0.0)
        if isinstance(tree, Parallel):
            number = self._number(tree, leg, leg.target)
            return self.rooms[tree].starts[number] + self._entry(tree.parts[number], leg)
        hop = next(h for h in [*leg.after, *leg.hops] if h.series is tree)
        return self.rooms[tree].lanes[leg.value, -1] if hop.end > 0 else self._entry(tree.parts[0], leg)

    def _exit(self, tree: Tree, leg: Leg) -> float:
        """Return where *leg* leaves *tree*."""
        if isinstance(tree, Leaf):
            scope = self.plan.scopes.get(tree.name)
            if scope is None:
                return 0.0
            inner = next(inner for inner in scope.legs.values() if inner.value == leg.value and inner.target is None)
            return self._exit(scope.tree, inner)
        if isinstance(tree, Parallel):
            number = self._number(tree, leg, leg.source)
            return self.rooms[tree].starts[number] + self._exit(tree.parts[number], leg)
        hop = next((h for h in leg.hops if h.series is tree), None)
        if hop is not None and hop.jumps and not self._out_aside(hop):
            return self.rooms[tree].lanes[leg.value, hop.start]
        return self._exit(tree.parts[hop.start if hop is not None else -1], leg)

    def _number(self, tree: Parallel, leg: Leg, name: str | None) -> int:
        """Return the number of the part of *tree* that a box, or the port by which *leg* enters, is in."""
        scope = self.plan.scopes[leg.scope]
        steps = scope.ways[scope.ports[leg.value] if name is None else name].steps
        return next(number for step, number in steps if step is tree)

    # Where everything stands, from the outside in.

    def _set(self, scope: Scope, u: float, v: float) -> None:
        self._set_tree(scope, scope.tree, u, v)

    def _set_tree(self, scope: Scope, tree: Tree, u: float, v: float) -> None:
        room = self.rooms[tree]
        room.u, room.v = u, v
        if isinstance(tree, Leaf):
            item = self.items[tree.name]
            item.u, item.v = u, v
            if tree.name in self.plan.scopes:
                before = item.before if self.title_first else 0.0
                self._set(self.plan.scopes[tree.name], u, v + PAD + before)
        elif isinstance(tree, Series):
            for part, start in zip(tree.parts, room.starts, strict=True):
                self._set_tree(scope, part, u, v + start)
        else:
            for part, start in zip(tree.parts, room.starts, strict=True):
                spare = 0.0 if tree.across else room.length - self.rooms[part].length
                self._set_tree(scope, part, u + start, v + room.over + spare * self._share(scope, tree, part))

    def _share(self, scope: Scope, tree: Parallel, part: Tree) -> float:
        """Return how much of the spare room of a column is before it: inputs stand low, ends high."""
        names = set(self._names(part))
        legs = scope.legs.values()
        ports = set(scope.ports.values())
        if names <= ports:
            return 0.0
        read = any(leg.target in names and leg.source not in names for leg in legs)
        feeds = any(leg.source in names and leg.target not in names for leg in legs)
        if not read and not names & ports:
            return 1.0
        if not feeds or self._first_alike(tree):
            return 0.0
        return 0.5

    def _first_alike(self, tree: Parallel) -> bool:
        firsts = [self.rooms[part.parts[0] if isinstance(part, Series) else part].length for part in tree.parts]
        return max(firsts) - min(firsts) < 12

    # The ways of edges.

    def way(self, edge: Edge) -> list[tuple[float, float]]:
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
        beside = [leg for leg in self.into.get(edge.target, []) if leg.side is not None]
        last = self.plan.edges[edge][-1]
        number = beside.index(last) if last in beside else 0
        count = max(len(beside), 1)
        return item.v + item.along * (number + 1) / (count + 1)

    def _walk(self, leg: Leg, points: list[tuple[float, float]], level: float) -> None:
        for hop in leg.hops:
            self._walk_hop(hop, points, level)
        if leg.across is not None:
            tree, start, end = leg.across
            room = self.rooms[tree]
            column = self.rooms[tree.parts[start]]
            lane = room.u + room.lanes[leg.value, 0]
            if self._leaves_aside(leg):
                points[-1] = (lane, points[-1][1])
            else:
                under = column.v + column.length + STRIP
                points += [(points[-1][0], under), (lane, under)]
            if leg.side == "left":
                points.append((lane, level))
            else:
                entry = room.u + room.starts[end] + self._entry(tree.parts[end], leg)
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

    def _walk_hop(self, hop: Hop, points: list[tuple[float, float]], level: float) -> None:
        tree, leg = hop.series, hop.leg
        room = self.rooms[tree]
        for number in sorted({hop.start, hop.end - 1}):
            if number < 0 or number >= len(tree.parts) - 1:
                continue
            for before, beyond in self._shifts(tree, number, hop):
                track = room.tracks.get((number, leg.value, before))
                if track is not None and abs(before - beyond) > 0.01:
                    height = room.v + room.ends[number] + track
                    points += [(room.u + before, height), (room.u + beyond, height)]
        if hop.side:
            points.append((points[-1][0], level))
        elif hop.end < len(tree.parts):
            self._into_sign(tree.parts[hop.end], points)

    def _into_sign(self, part: Tree, points: list[tuple[float, float]]) -> None:
        """Let a line that comes down beside a ⊕ enter it at its side."""
        if not isinstance(part, Leaf):
            return
        item, (u, _) = self.items[part.name], points[-1]
        radius = item.across / 2
        if item.round and abs(u - item.u) > radius:
            middle = item.v + radius
            points += [(u, middle), (item.u + (radius if u > item.u else -radius), middle)]


def _straight(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners alone: no point twice, and none within a straight line."""
    found: list[tuple[float, float]] = []
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


__all__ = ["GAP", "Item", "Placing"]
