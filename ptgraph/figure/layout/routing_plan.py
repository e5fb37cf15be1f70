"""What stands in which frame, and by which way each value goes from box to box: all but where that is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

import networkx as nx

from ptgraph.figure.layout.series_parallel import Parallel, Series, Tree, Way, arrange, ways
from ptgraph.figure.shared_values import drawn
from ptgraph.figure.simplify import FigureGraph

Side = Literal["left", "right"]


class Edge(NamedTuple):
    """A value that flows between two boxes that are seen."""

    source: str
    target: str


@dataclass(eq=False)
class Hop:
    """A part of a way: in *series*, from after its part *start* (-1: from where it begins) to before *end*.

    With *side*, it ends at the side of that part.
    """

    series: Series
    start: int
    end: int
    leg: Leg
    side: bool = False

    @property
    def jumps(self) -> bool:
        """Whether it leads past other parts."""
        return self.end > self.start + 1


@dataclass(eq=False)
class Leg:
    """The way of a *value* within one *scope*, between two boxes of it; None is outside of it.

    *side* is where it enters its target, None for the top; *across* leads from one column to another, *hops* are
    before that and *after* it.
    """

    scope: str
    value: str
    source: str | None
    target: str | None
    side: Side | None = None
    across: tuple[Parallel, int, int] | None = None
    hops: list[Hop] = field(default_factory=list)
    after: list[Hop] = field(default_factory=list)


@dataclass(eq=False)
class Scope:
    """The inside of a frame: how its parts stand, what flows in it, and ports where values enter from above."""

    name: str
    parts: list[str]
    ports: dict[str, str]  # a value → its port
    tree: Tree
    ways: dict[str, Way]
    legs: dict[tuple[str, str | None, str | None], Leg]


@dataclass
class Plan:
    """The scopes by their frames, the outermost first, the legs of each edge in order, and the stubs of boxes."""

    scopes: dict[str, Scope]
    edges: dict[Edge, list[Leg]]
    labels: dict[str, str]
    stubs: dict[str, tuple[str, ...]]

    def crossing(self) -> list[Leg]:
        """Return the legs from column to column."""
        return [leg for scope in self.scopes.values() for leg in scope.legs.values() if leg.across is not None]


def plan(sketch: FigureGraph, opened: set[str]) -> Plan:
    """Return the plan of a figure in which the boxes *opened* are frames."""
    return _Planning(sketch, opened).finish()


class _Planning:
    def __init__(self, sketch: FigureGraph, opened: set[str]) -> None:
        self.sketch = sketch
        self.opened = opened
        self.chains = {box: sketch.chain(box) for box in sketch.visible(opened)}
        self.labels: dict[str, str] = {}
        self.edges: dict[Edge, list[Leg]] = {}
        self.drawn = drawn(sketch, opened)
        for (source, target), label in self.drawn.lines.items():
            self.labels.setdefault(source, label)
            self.edges[Edge(source, target)] = []
        self.wires: dict[str, dict[tuple[str, str | None, str | None], list[Edge]]] = {}
        for edge in self.edges:
            self._wire(edge)
        self.modes: dict[tuple[str, str], Side | None] = {}
        self.scopes: dict[str, Scope] = {}

    def _wire(self, edge: Edge) -> None:
        """Note in each scope on the way of *edge* between which of its parts it leads."""
        above, below = self.chains[edge.source], self.chains[edge.target]
        meet = next(scope for scope in above if scope in below)
        up, down = above[: above.index(meet)], below[: below.index(meet)]
        for child, scope in pairwise(up):
            self._note(scope, edge, child, None)
        self._note(meet, edge, up[-1], down[-1])
        for child, scope in reversed(list(pairwise(down))):
            self._note(scope, edge, None, child)

    def _note(self, scope: str, edge: Edge, source: str | None, target: str | None) -> None:
        self.wires.setdefault(scope, {}).setdefault((edge.source, source, target), []).append(edge)

    def finish(self) -> Plan:
        waiting = [self.sketch.root]
        while waiting:
            name = waiting.pop(0)
            self.scopes[name] = self._scope(name)
            waiting += [part for part in self.sketch.boxes[name].parts if part in self.opened]
        for scope in self.scopes.values():
            for key, edges in self.wires.get(scope.name, {}).items():
                for edge in edges:
                    self.edges[edge].append(scope.legs[key])
        legs = {edge: self._in_order(legs) for edge, legs in self.edges.items()}
        return Plan(self.scopes, legs, self.labels, self.drawn.stubs)

    @staticmethod
    def _in_order(legs: list[Leg]) -> list[Leg]:
        """Return the *legs* of an edge from its source to its target: up, over, and down."""
        up = [leg for leg in legs if leg.target is None]
        over = [leg for leg in legs if leg.target is not None and leg.source is not None]
        down = [leg for leg in legs if leg.source is None]
        return [*reversed(up), *over, *down]

    def _scope(self, name: str) -> Scope:
        wires = self.wires.get(name, {})
        entering = dict.fromkeys(value for value, source, _ in wires if source is None)
        ports = {value: f"{name}←{value}" for value in entering if not self.modes.get((value, name))}
        parts = list(self.sketch.boxes[name].parts)
        tree = self._arranged(parts, wires, ports)
        found = Scope(name, parts, ports, tree, ways(tree), {})
        for value, source, target in wires:
            found.legs[value, source, target] = self._leg(found, value, source, target)
        self._let_one_in_from_above(found.legs.values())
        for leg in found.legs.values():
            if leg.target in self.opened:
                self.modes[leg.value, leg.target] = leg.side
        return found

    @staticmethod
    def _let_one_in_from_above(legs: Iterable[Leg]) -> None:
        """Let the first value enter a box from above, if all would enter at its side."""
        entering: dict[str, list[Leg]] = {}
        for leg in legs:
            if leg.target is not None:
                entering.setdefault(leg.target, []).append(leg)
        for found in entering.values():
            if all(leg.side == "right" and leg.hops and leg.source is not None for leg in found):
                last = (found[0].after or found[0].hops)[-1]
                found[0].side, last.side = None, False

    def _arranged(
        self, parts: list[str], wires: Iterable[tuple[str, str | None, str | None]], ports: dict[str, str]
    ) -> Tree:
        flow: nx.DiGraph[str] = nx.DiGraph()
        flow.add_nodes_from([*ports.values(), *parts])
        for value, source, target in wires:
            above = ports.get(value) if source is None else source
            if above is not None and target is not None:
                flow.add_edge(above, target)
        place = {part: number for number, part in enumerate(flow)}
        order = list(nx.lexicographical_topological_sort(flow, key=place.__getitem__))
        return arrange(flow, order, self._big, self._is_end)

    def _is_end(self, name: str) -> bool:
        box = self.sketch.boxes.get(name)
        return box is not None and box.kind == "output"

    def _big(self, name: str) -> bool:
        """Return whether a box may be an encoder or a decoder: one with much in it."""
        box = self.sketch.boxes.get(name)
        return box is not None and len(list(self.sketch.leaves(name))) > 8

    def _leg(self, scope: Scope, value: str, source: str | None, target: str | None) -> Leg:
        leg = Leg(scope.name, value, source, target)
        begin = scope.ports.get(value) if source is None else source
        if begin is None:
            leg.side = self.modes[value, scope.name]
            return leg
        above = scope.ways[begin].steps
        below = scope.ways[target].steps if target is not None else []
        same = 0
        while same < min(len(above), len(below)) and above[same] == below[same]:
            same += 1
        for tree, number in reversed(above[same + (1 if target is not None else 0) :]):
            if isinstance(tree, Series):
                leg.hops.append(Hop(tree, number, len(tree.parts), leg))
        if target is None:
            return leg
        (meet, start), (_, end) = above[same], below[same]
        after = leg.hops
        if isinstance(meet, Series):
            leg.hops.append(Hop(meet, start, end, leg))
        else:
            leg.across = meet, start, end
            after = leg.after
            if self._open_to(scope, below[same + 1 :], target, value, "left") and end == 1:
                leg.side = "left"
                return leg
        for tree, number in below[same + 1 :]:
            if isinstance(tree, Series):
                after.append(Hop(tree, -1, number, leg))
        last = after[-1] if after else None
        direct = below[-1][0]
        if last is not None and last.jumps and last.series is direct and self._reaches(target, value, "right"):
            last.side = True
            leg.side = "right"
        return leg

    def _open_to(
        self, scope: Scope, steps: list[tuple[Series | Parallel, int]], target: str, value: str, side: Side
    ) -> bool:
        """Return whether nothing stands between *target* and that side of the part that *steps* lead into."""
        for tree, number in steps:
            if isinstance(tree, Parallel) and number != (0 if side == "left" else len(tree.parts) - 1):
                return False
        return self._reaches(target, value, side)

    def _reaches(self, target: str, value: str, side: Side) -> bool:
        """Return whether nothing in *target* stands between that side of it and the boxes in it that read *value*."""
        if target not in self.opened:
            return True
        wires = self.wires.get(target, {})
        others = dict.fromkeys(v for v, source, _ in wires if source is None and v != value)
        ports = {v: f"{target}←{v}" for v in others}
        parts = list(self.sketch.boxes[target].parts)
        rest = [key for key in wires if key[0] != value]
        tree = self._arranged(parts, rest, ports)
        steps = ways(tree)
        scope = Scope(target, parts, ports, tree, steps, {})
        readers = [reader for v, source, reader in wires if v == value and source is None and reader is not None]
        return all(self._open_to(scope, steps[reader].steps, reader, value, side) for reader in readers)


__all__ = ["Edge", "Hop", "Leg", "Plan", "Scope", "Side", "plan"]
