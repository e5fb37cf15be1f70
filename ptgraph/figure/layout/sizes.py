"""The rooms that the parts of a figure take, and what can be asked of them: where a value enters and leaves.

Along the flow lies the axis *v*, across it *u*: down and to the right in a figure that flows down, the other way round
in one that flows to the right. Each part of a scope has a spine, at its own u of 0; boxes are centred on it. Lengths
are in points.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ptgraph.figure.layout.routing_plan import Hop, Leg, Plan, Scope
from ptgraph.figure.layout.series_parallel import Leaf, Parallel, Series, Tree

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

    *after* is room for the label of its value. Of a frame, *before* is the room of its title's line, and *title* how
    broad what stands in it is at the start and at the end. *u* and *v* are its place: its spine, and where it begins.
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


class Rooms:
    """The rooms of the parts of a *plan*, whose boxes, frames and ports are *items* by name."""

    def __init__(self, plan: Plan, items: dict[str, Item]) -> None:
        self.plan = plan
        self.items = items
        self.rooms: dict[Tree, Room] = {}
        self.hops: dict[Series, list[Hop]] = {}
        self.crossing: dict[Parallel, list[Leg]] = {}
        self.entries: dict[tuple[str, Leg | None], float] = {}
        self.into: dict[str, list[Leg]] = {}
        self.out_of: dict[str, list[Leg]] = {}
        for scope in plan.scopes.values():
            self.items.update((port, Item(0.0, 0.0, 1.0, 1.0)) for port in scope.ports.values())
            for leg in scope.legs.values():
                for hop in [*leg.hops, *leg.after]:
                    self.hops.setdefault(hop.series, []).append(hop)
                if leg.across:
                    self.crossing.setdefault(leg.across[0], []).append(leg)
                if leg.target is not None:
                    self.into.setdefault(leg.target, []).append(leg)
                if leg.source is not None:
                    self.out_of.setdefault(leg.source, []).append(leg)

    def port(self, scope: Scope, port: str) -> float:
        """Return how far from the spine of its scope a port is."""
        found = 0.0
        for tree, number in scope.ways[port].steps:
            if isinstance(tree, Parallel):
                found += self.rooms[tree].starts[number]
        return found

    def names(self, tree: Tree) -> list[str]:
        if isinstance(tree, Leaf):
            return [tree.name]
        return [name for part in tree.parts for name in self.names(part)]

    def leaves_aside(self, leg: Leg) -> bool:
        return bool(leg.hops) and self.out_aside(leg.hops[-1])

    @staticmethod
    def out_aside(hop: Hop) -> bool:
        """Return whether *hop* leaves a column for the one beside it, straight from the gap after its source."""
        across = hop.leg.across
        return across is not None and hop.series is across[0].parts[across[1]] and hop.start < hop.end - 1

    def shifts(self, tree: Series, number: int, hop: Hop) -> list[tuple[float, float]]:
        """Return from where to where across the flow *hop* shifts in the gap after the part *number*."""
        room, parts, leg = self.rooms[tree], tree.parts, hop.leg
        found: list[tuple[float, float]] = []
        if self.out_aside(hop):
            return [(self.exit(parts[number], leg), room.right + BESIDE / 2)] if hop.start == number else []
        if hop.start == number and hop.end < len(parts) and not hop.jumps:
            begin = self.exit(parts[number], leg)
            found.append((begin, self.turn(parts[hop.end], leg, begin)))
        elif hop.start == number and hop.jumps:
            found.append((self.exit(parts[number], leg), room.lanes[leg.value, number]))
        if hop.jumps and not hop.side and hop.end - 1 == number and hop.end < len(parts):
            begin = room.lanes[leg.value, hop.start]
            found.append((begin, self.turn(parts[hop.end], leg, begin)))
        return found

    def turn(self, part: Tree, leg: Leg, begin: float) -> float:
        """Return where *leg* enters *part*; a ⊕ it enters at its side, with no turn before."""
        if isinstance(part, Leaf) and self.items[part.name].round and abs(begin) > self.items[part.name].across / 2:
            return begin
        return self.entry(part, leg)

    def entry(self, tree: Tree, leg: Leg) -> float:
        """Return where *leg* enters *tree* from above."""
        if isinstance(tree, Leaf):
            scope = self.plan.scopes.get(tree.name)
            if scope is not None and leg.value in scope.ports:
                return self.port(scope, scope.ports[leg.value])
            return self.entries.get((tree.name, leg), 0.0)
        if isinstance(tree, Parallel):
            number = self.number(tree, leg, leg.target)
            return self.rooms[tree].starts[number] + self.entry(tree.parts[number], leg)
        hop = next(h for h in [*leg.after, *leg.hops] if h.series is tree)
        return self.rooms[tree].lanes[leg.value, -1] if hop.end > 0 else self.entry(tree.parts[0], leg)

    def exit(self, tree: Tree, leg: Leg) -> float:
        """Return where *leg* leaves *tree*."""
        if isinstance(tree, Leaf):
            scope = self.plan.scopes.get(tree.name)
            if scope is None:
                return 0.0
            inner = next(inner for inner in scope.legs.values() if inner.value == leg.value and inner.target is None)
            return self.exit(scope.tree, inner)
        if isinstance(tree, Parallel):
            number = self.number(tree, leg, leg.source)
            return self.rooms[tree].starts[number] + self.exit(tree.parts[number], leg)
        hop = next((h for h in leg.hops if h.series is tree), None)
        if hop is not None and hop.jumps and not self.out_aside(hop):
            return self.rooms[tree].lanes[leg.value, hop.start]
        return self.exit(tree.parts[hop.start if hop is not None else -1], leg)

    def number(self, tree: Parallel, leg: Leg, name: str | None) -> int:
        """Return the number of the part of *tree* that a box, or the port by which *leg* enters, is in."""
        scope = self.plan.scopes[leg.scope]
        steps = scope.ways[scope.ports[leg.value] if name is None else name].steps
        return next(number for step, number in steps if step is tree)

    def share(self, scope: Scope, tree: Parallel, part: Tree) -> float:
        """Return how much of the spare room of a column is before it: inputs stand low, ends high."""
        names = set(self.names(part))
        ports = set(scope.ports.values())
        if names <= ports:
            return 0.0
        read = any(leg.source not in names for name in names for leg in self.into.get(name, ()))
        feeds = any(leg.target not in names for name in names for leg in self.out_of.get(name, ()))
        if not read and not names & ports:
            return 1.0
        if not feeds or self.first_alike(tree):
            return 0.0
        return 0.5

    def first_alike(self, tree: Parallel) -> bool:
        firsts = [self.rooms[part.parts[0] if isinstance(part, Series) else part].length for part in tree.parts]
        return max(firsts) - min(firsts) < 12

    def reach(self, tree: Tree, low: float, high: float) -> float:
        """Return how far *tree* reaches to the right between two heights, with the lines within it."""
        room = self.rooms[tree]
        if isinstance(tree, Leaf):
            return room.right
        if isinstance(tree, Parallel):
            spans = zip(tree.parts, room.starts, strict=True)
            return max(start + self.reach(part, low, high) for part, start in spans) if tree.main == 0 else room.right
        found = [0.0, *room.lanes.values()]
        for number, part in enumerate(tree.parts):
            begin = room.ends[number - 1] + CLEAR if number else 0.0
            end = room.starts[number + 1] - HEAD + 1 if number + 1 < len(tree.parts) else room.length
            if begin < high and low < end:
                found.append(self.reach(part, low - room.starts[number], high - room.starts[number]))
        return max(found)

    def lone(self, name: str, share: float) -> bool:
        """Return whether nothing leads past a box: one that stands high feeds nothing, one that stands low reads it."""
        if share == 1:
            return True
        return share == 0 and name not in self.out_of and "←" not in name


__all__ = ["BESIDE", "CLEAR", "ENTRY", "GAP", "HEAD", "LANE", "PAD", "STRIP", "TRACK", "Item", "Room", "Rooms"]
