"""The plan of a figure's lines: which route each takes through the open boxes, and at which sides it enters them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import networkx as nx

from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.routing_plan import ColumnChange, Edge, EntrySide, Hop, Leg, OpenBox, Plan, Wire
from ptgraph.figure.layout.series_parallel import PORT, arrange
from ptgraph.figure.layout.tree import Leaf, Parallel, Series, Tree, TreePath, UShape, tree_paths
from ptgraph.figure.layout.u_shape.detection import around_frames, around_part, with_u_shape, without_conditions
from ptgraph.figure.layout.u_shape.nesting import bottoms
from ptgraph.figure.shared_values import LinesAndStubs, lines_and_stubs
from ptgraph.graph.traversal import topological_order

_FEW = 2  # readers of an encoder's values that make its decoder the other column of a U
_MOST_PARTS = 100  # of a U that values condition
_BIG = 8  # a box that may be an encoder or a decoder has more boxes without parts in it


def plan(figure: FigureGraph, opened: set[str], *, u_shapes: bool = True) -> Plan:
    """Return the plan of a figure in which the boxes *opened* are frames; without *u_shapes*, nothing is a U."""
    planned, conditions = _planned(figure, opened, lines_and_stubs(figure, opened), u_shapes=u_shapes)
    if conditions:
        as_u, _ = _planned(figure, opened, lines_and_stubs(figure, opened, conditions), u_shapes=u_shapes)
        return as_u if _count_u(as_u) >= _count_u(planned) else planned
    return planned


def _count_u(planned: Plan) -> int:
    return sum(isinstance(box.tree, UShape) for box in planned.open_boxes.values())


def _planned(
    figure: FigureGraph, opened: set[str], found: LinesAndStubs, *, u_shapes: bool
) -> tuple[Plan, frozenset[str]]:
    """Return the plan of a figure with these lines and stubs, and the values that keep an open box from being a U.

    Such a value is no level of the U; it could be if later boxes that read it had stubs.
    """
    shapes, stubs = found.shapes(), found.stubs
    legs: dict[Edge, list[Leg]] = {Edge(*line): [] for line in found.lines}
    wires = _wires(figure, opened, legs)
    planning = _Planning(figure, opened, wires, shapes, stubs, u_shapes)
    open_boxes = _open_boxes(planning)
    for name, box in open_boxes.items():
        for wire, edges in wires.get(name, {}).items():
            for edge in edges:
                legs[edge].append(box.legs[wire])
    planned = Plan(figure.root, open_boxes, {edge: _in_order(along) for edge, along in legs.items()}, shapes, stubs)
    return planned, frozenset(planning.conditions)


def _open_boxes(planning: _Planning) -> dict[str, OpenBox]:
    """Return the open boxes, outermost first: a box decides where values enter the boxes in it."""
    found: dict[str, OpenBox] = {}
    sides: dict[tuple[str, str], EntrySide | None] = {}  # a value and an open box → where it enters
    beside: set[Edge] = set()  # those that leave their source at the right side
    waiting = [planning.figure.root]
    while waiting:
        name = waiting.pop(0)
        found[name] = planning.open_box(name, sides, beside)
        for wire, leg in found[name].legs.items():
            if leg.target is not None:
                sides[leg.value, leg.target] = leg.side
            if leg.from_side:
                beside.update(planning.wires[name][wire])
        waiting += [part for part in planning.figure.boxes[name].parts if part in planning.opened]
    return found


def _in_order(legs: list[Leg]) -> list[Leg]:
    """Return the *legs* of an edge from its source to its target: up, over, and down."""
    up = [leg for leg in legs if leg.target is None]
    over = [leg for leg in legs if leg.target is not None and leg.source is not None]
    down = [leg for leg in legs if leg.source is None]
    return [*reversed(up), *over, *down]


def _wires(figure: FigureGraph, opened: set[str], edges: Iterable[Edge]) -> dict[str, dict[Wire, list[Edge]]]:
    """Return for each open box the wires in it, each with the *edges* that go through it."""
    chains = {box: figure.chain(box) for box in figure.visible(opened)}
    found: dict[str, dict[Wire, list[Edge]]] = {}

    def add(box: str, edge: Edge, source: str | None, target: str | None) -> None:
        found.setdefault(box, {}).setdefault((edge.source, source, target), []).append(edge)

    for edge in edges:
        above, below = chains[edge.source], chains[edge.target]
        meet = next(box for box in above if box in below)
        up, down = above[: above.index(meet)], below[: below.index(meet)]
        for child, box in pairwise(up):
            add(box, edge, child, None)
        add(meet, edge, up[-1], down[-1])
        for child, box in reversed(list(pairwise(down))):
            add(box, edge, None, child)
    return found


@dataclass(frozen=True)
class _Planning:
    """The wires in each open box of a figure in which the boxes *opened* are open.

    *shapes* are those of the values of boxes, *stubs* the names of values that a box reads without a line.
    """

    figure: FigureGraph
    opened: set[str]
    wires: dict[str, dict[Wire, list[Edge]]]
    shapes: dict[str, str]
    stubs: dict[str, tuple[str, ...]]
    u_shapes: bool
    arrangements: dict[tuple[Any, ...], tuple[nx.DiGraph[str], Tree]] = field(default_factory=dict)
    conditions: set[str] = field(default_factory=set)

    def open_box(self, name: str, sides: Mapping[tuple[str, str], EntrySide | None], beside: set[Edge]) -> OpenBox:
        """Return the inside of a box.

        *sides* says where the values that come from outside enter it, *beside* which edges leave it at the right side.
        """
        wires = self.wires.get(name, {})
        entering = {value: sides[value, name] for value, source, _ in wires if source is None}
        found = self._laid_out(name, wires, [value for value, side in entering.items() if side is None])
        legs = {wire: self._leg(found, name, wire, entering.get(wire[0])) for wire in wires}
        for wire, leg in legs.items():
            if leg.target is None and beside.issuperset(wires[wire]):
                legs[wire] = replace(leg, hops=(), leaves=None, from_side=True)
        return replace(found, legs=_one_from_above(legs))

    def _laid_out(self, name: str, wires: Collection[Wire], entering: Iterable[str]) -> OpenBox:
        """Return the inside of a box that the values *entering* enter from above, without legs."""
        ports, flow, tree = self._arranged(name, wires, entering)
        if not self.u_shapes:
            return OpenBox(ports, tree, tree_paths(tree))
        for encoder, decoder in self._frames_of_a_u(wires):
            tree = around_frames(tree, encoder, decoder)
        if name in self.bottoms:
            rising = name in self.bottoms.values()
            tree = around_part(tree, flow, self.bottoms[name], self._may_pass, rising=rising)
        return OpenBox(ports, tree, tree_paths(tree))

    def _arranged(
        self, name: str, wires: Collection[Wire], entering: Iterable[str]
    ) -> tuple[dict[str, str], nx.DiGraph[str], Tree]:
        """Return the ports of a box that the values *entering* enter from above, the flow in it, and its layers."""
        ports = {value: f"{name}←{value}" for value in entering}
        key = name, tuple(wires), tuple(ports)
        if key not in self.arrangements:
            self.arrangements[key] = self._layers(name, wires, ports)
        return ports, *self.arrangements[key]

    def _layers(self, name: str, wires: Collection[Wire], ports: Mapping[str, str]) -> tuple[nx.DiGraph[str], Tree]:
        flow: nx.DiGraph[str] = nx.DiGraph()
        flow.add_nodes_from([*ports.values(), *self.figure.boxes[name].parts])
        for port in ports.values():
            flow.nodes[port][PORT] = True
        for value, source, target in wires:
            above = ports.get(value) if source is None else source
            if above is not None and target is not None:
                flow.add_edge(above, target, shape=self.shapes.get(value))
            elif above is not None:
                flow.nodes[above]["leaves"] = True
        order = topological_order(flow, {part: number for number, part in enumerate(flow)})
        if not self.u_shapes:
            return flow, arrange(flow, order, self._big, self._is_end)
        tree = arrange(flow, order, self._big, self._is_end, lambda tree: with_u_shape(tree, flow))
        if len(order) <= _MOST_PARTS:
            self._find_conditions(flow, order, wires)
        return flow, tree

    def _find_conditions(self, flow: nx.DiGraph[str], order: list[str], wires: Collection[Wire]) -> None:
        """Note the values without whose later reads the parts in *flow* are a U."""
        beside, first = without_conditions(flow, order)
        if beside:
            tree = arrange(first, order, self._big, self._is_end, lambda tree: with_u_shape(tree, first))
            if isinstance(tree, UShape):
                self.conditions.update(value for value, source, _ in wires if source in beside)

    @cached_property
    def bottoms(self) -> dict[str, str]:
        """The part at the bottom of each open box that is a level of a U of boxes within boxes."""
        inside: dict[str, list[str]] = {}
        waiting = [self.figure.root]
        while waiting:
            name = waiting.pop(0)
            inside[name] = [part for part in self.figure.boxes[name].parts if part in self.opened]
            waiting += inside[name]
        return bottoms(inside, self._may_pass, self._whole, self._size)

    def _whole(self, name: str) -> tuple[nx.DiGraph[str], Tree]:
        """Return the flow in a box that all values enter from above, and its layers."""
        wires = self.wires.get(name, {})
        return self._arranged(name, wires, dict.fromkeys(value for value, source, _ in wires if source is None))[1:]

    def _frames_of_a_u(self, wires: Iterable[Wire]) -> Iterator[tuple[str, str]]:
        """Yield two open boxes where the values of the last parts of one go into the first parts of the other."""
        between: dict[tuple[str, str], list[str]] = {}
        for value, source, target in wires:
            if source in self.opened and target in self.opened and source is not None and target is not None:
                between.setdefault((source, target), []).append(value)
        for (encoder, decoder), values in between.items():
            first = {value: self._first_reader(value, decoder) for value in values}
            ranked = sorted(values, key=self.rank.__getitem__)
            if len({*first.values()}) >= _FEW and all(first[a] >= first[b] for a, b in pairwise(ranked)):
                yield encoder, decoder

    @cached_property
    def rank(self) -> dict[str, int]:
        """The number of each closed box in order of execution."""
        return {name: number for number, name in enumerate(self.figure.visible(self.opened))}

    @cached_property
    def readers(self) -> dict[str, list[str]]:
        """The closed boxes that read the value of each."""
        found: dict[str, list[str]] = {}
        for wires in self.wires.values():
            for edges in wires.values():
                for edge in edges:
                    found.setdefault(edge.source, []).append(edge.target)
        return found

    def _first_reader(self, value: str, box: str) -> int:
        """Return the rank of the first box in *box* that reads *value*."""
        return min(self.rank[reader] for reader in self.readers[value] if box in self.figure.chain(reader))

    def _is_end(self, name: str) -> bool:
        box = self.figure.boxes.get(name)
        return box is not None and box.kind == "output"

    def _big(self, name: str) -> bool:
        """Return whether a box may be an encoder or a decoder."""
        return self._size(name) > _BIG

    def _size(self, name: str) -> int:
        """Return how many boxes without parts a box has inside."""
        return self.figure.size(name) if name in self.figure.boxes else 0

    def _leg(self, box: OpenBox, name: str, wire: Wire, side: EntrySide | None) -> Leg:
        """Return the leg of *wire* in *box*, which it enters at *side* if it comes from outside."""
        value, source, target = wire
        begin = box.ports.get(value) if source is None else source
        leg = Leg(name, value, source, target)
        if begin is None:
            return replace(leg, side=side)
        above = box.paths[begin]
        below = box.paths[target] if target is not None else []
        same = 0
        while same < min(len(above), len(below)) and above[same] == below[same]:
            same += 1
        hops = [
            Hop(tree, number, len(tree.parts))
            for tree, number in reversed(above[same + (1 if target is not None else 0) :])
            if isinstance(tree, Series)
        ]
        if target is None:
            outer = above[0][0] if above else None
            past = outer if isinstance(outer, UShape) and not outer.rising else None
            return replace(leg, hops=tuple(hops), leaves=past)
        (meet, start), (_, end) = above[same], below[same]
        into = [Hop(tree, -1, number) for tree, number in below[same + 1 :] if isinstance(tree, Series)]
        if isinstance(meet, UShape):
            leg = replace(leg, hops=tuple(hops), hops_after=tuple(into), change=ColumnChange(meet, start, end))
            return self._leg_in_u(leg, meet, above[same + 1 :], below[same + 1 :])
        if isinstance(meet, Series):
            into.insert(0, Hop(meet, start, end))
            leg = replace(leg, hops=(*hops, *into))
        else:
            leg = replace(leg, hops=tuple(hops), change=ColumnChange(meet, start, end))
            if end == 1 and self._open_to(below[same + 1 :], target, value, "left"):
                return replace(leg, side="left")
            leg = replace(leg, hops_after=tuple(into))
        last = into[-1] if into else None
        innermost = below[-1][0]
        if last is not None and last.jumps and last.series is innermost and self._reaches(target, value, "right"):
            leg = replace(leg, side="right")
        return leg

    def _leg_in_u(self, leg: Leg, tree: UShape, above: TreePath, below: TreePath) -> Leg:
        """Return *leg*, from one part of a U to another, with the sides at which it leaves and enters."""
        target = leg.target
        assert target is not None
        assert leg.change is not None
        _, start, end = leg.change
        if end == tree.bottom:
            is_box = isinstance(tree.parts[end], Leaf) and target not in self.opened
            return replace(leg, side="left") if is_box and target not in self.stubs else leg
        if start == len(tree.parts):
            return replace(leg, hops=(), hops_after=(), from_side=True, side="left")
        if not start < tree.bottom < end:
            return leg
        if end == len(tree.parts):
            return replace(leg, side="left")
        if self._is_way_up(leg, tree):
            return leg
        beside = [around for around, number in above if not _is_spine(around, number)]
        if not beside and leg.source is not None and self._leaves_at_side(leg.source, leg.value):
            leg = replace(leg, hops=(), from_side=True)
        if self._open_to(below, target, leg.value, "left"):
            leg = replace(leg, hops_after=(), side="left")
        return leg

    def _is_way_up(self, leg: Leg, tree: UShape) -> bool:
        """Return whether *leg* is the way up in a U of two boxes with nothing below: the value of the last part."""
        if not isinstance(tree.parts[tree.bottom], Series):
            return False
        wires = self.wires.get(leg.box, {})
        values = [value for value, source, target in wires if source == leg.source and target == leg.target]
        return leg.value == max(values, key=self.rank.__getitem__)

    def _may_pass(self, name: str) -> bool:
        """Return whether lines can enter a box at its left side and leave it at its right: it is closed, or a chain."""
        if name not in self.opened:
            return name in self.figure.boxes
        _, tree = self._whole(name)
        return isinstance(tree, Series) and all(
            isinstance(part, Leaf) and part.name not in self.opened for part in tree.parts
        )

    def _leaves_at_side(self, source: str, value: str) -> bool:
        """Return whether nothing in *source* stands between its right side and the box in it that gives *value*."""
        if source not in self.opened:
            return True
        wires = self.wires.get(source, {})
        inside = self._laid_out(source, wires, dict.fromkeys(other for other, giver, _ in wires if giver is None))
        givers = [giver for given, giver, reader in wires if given == value and reader is None and giver is not None]
        for giver in givers:
            path = inside.paths[giver]
            if any(not isinstance(tree, Series) and number != len(tree.parts) - 1 for tree, number in path):
                return False
        return all(self._leaves_at_side(giver, value) for giver in givers)

    def _open_to(self, path: TreePath, target: str, value: str, side: EntrySide) -> bool:
        """Return whether nothing stands between *target* and that *side* of the part that *path* leads into."""
        for tree, number in path:
            if isinstance(tree, Parallel) and number != (0 if side == "left" else len(tree.parts) - 1):
                return False
            if isinstance(tree, UShape) and (number > tree.bottom if side == "left" else number < tree.last):
                return False
        return self._reaches(target, value, side)

    def _reaches(self, target: str, value: str, side: EntrySide) -> bool:
        """Return whether nothing in *target* stands between that *side* of it and the boxes in it that read *value*."""
        if target not in self.opened:
            return True
        wires = self.wires.get(target, {})
        others = dict.fromkeys(other for other, source, _ in wires if source is None and other != value)
        inside = self._laid_out(target, [wire for wire in wires if wire[0] != value], others)
        readers = [reader for v, source, reader in wires if v == value and source is None and reader is not None]
        return all(self._open_to(inside.paths[reader], reader, value, side) for reader in readers)


def _is_spine(tree: Series | Parallel | UShape, number: int) -> bool:
    """Return whether a part of *tree* has nothing at its right."""
    is_last = isinstance(tree, Parallel) and number == tree.main == len(tree.parts) - 1
    return isinstance(tree, Series) or is_last


def _one_from_above(legs: dict[Wire, Leg]) -> dict[Wire, Leg]:
    """Return *legs* with the first that leads into a box entering it from above, if all would enter at its side."""
    entering: dict[str, list[Wire]] = {}
    for wire, leg in legs.items():
        if leg.target is not None:
            entering.setdefault(leg.target, []).append(wire)
    found = dict(legs)
    for wires in entering.values():
        into = [legs[wire] for wire in wires]
        if all(leg.side == "right" and leg.hops and leg.source is not None for leg in into):
            found[wires[0]] = replace(into[0], side=None)
    return found


__all__ = ["plan"]
