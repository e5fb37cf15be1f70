"""Scopes: the layout of the inside of every box of the page, with all parts closed, and the stubs in it.

It is the layout of the figure: a straight spine, branches beside each other, and stubs at the left of their readers.
Branches that cross are laid out by Graphviz, and what is too large for that in layers. A U-Net has a second layout, as
a U, which needs all parts closed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import networkx as nx

from ptgraph.figure.layout.scope_layout import Scope, ScopeBox, ScopeLayout, scope_layout, u_layout
from ptgraph.graph.view.model import View
from ptgraph.page.box_sizes import STUB_HEIGHT, stub_width
from ptgraph.page.graphviz_layout import FlatGraph, centres
from ptgraph.page.layered_layout import Layers
from ptgraph.page.value_names import ValueNames

SPREAD = 2.2  # times the distances of a figure, whose text is smaller
TANGLED = 2  # lines that may run past branches; beyond, the layout of the figure is all detours
MOST_BOXES, MOST_EDGES = 1000, 3000  # which the layout of the figure takes half a second for
LARGEST = 4000  # layers that all edges inside of a box pass together; beyond, Graphviz takes minutes

Stub = tuple[str, str]  # a value, and the part that reads it


@dataclass(frozen=True, slots=True)
class Place:
    """Centre and size of a box, in points, the y axis down."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class BoxLayout:
    """The inside of an opened box: its size in points, and the places of its parts and then of its stubs, in order.

    *spine* is the x of the spine. *lines* are those that are not straight: the numbers of two parts (see `ScopeLine`),
    and the corners, x and y in turn. Boxes whose insides look alike share one layout, whatever is in them. *u* is the
    inside as a U, if it is one, for as long as all parts are closed; its lines are all lines.
    """

    width: float
    height: float
    places: tuple[Place, ...]
    spine: float
    lines: tuple[tuple[float, ...], ...] = ()
    u: BoxLayout | None = None


@dataclass(frozen=True, slots=True)
class LaidOut:
    """The inside of a box as it is laid out: its stubs, and the values that come from outside, in order."""

    layout: BoxLayout
    stubs: list[Stub]
    entries: list[str]

    @property
    def drawn_entries(self) -> dict[str, int]:
        """The numbers of the values from outside that have a line of the layout."""
        lines = self.layout.lines + (self.layout.u.lines if self.layout.u is not None else ())
        drawn = {-1 - source for source, *_ in lines if source < 0}
        return {value: number for number, value in enumerate(self.entries) if number in drawn}


def scopes(view: View, sizes: Mapping[str, tuple[float, float]], signs: Iterable[str] = ()) -> dict[str, LaidOut]:
    """Return the layout of the inside of every box that has parts, with all parts closed.

    *sizes* gives width and height of every box, in points; *signs* are the boxes that are a ⊕ or a ⊗. Boxes in one
    layout never overlap. Insides that look alike are laid out once. Raises ExportError if one needs Graphviz, and that
    is missing or fails.
    """
    flows = _flows(view)
    names = ValueNames(view)
    drawn: dict[str, tuple[Scope, list[Stub], list[str]]] = {}
    shapes: dict[str, tuple[str, ...]] = {}
    for box in view.boxes.values():
        if box.parts:
            number = {part: k for k, part in enumerate(box.parts)}
            flow = flows[box.id]
            stubs = sorted(flow.stubs, key=lambda stub: number[stub[1]])
            wide: dict[str, list[tuple[float, float]]] = defaultdict(list)
            for source, reader in stubs:
                wide[reader].append((stub_width(names.of(source, reader)), STUB_HEIGHT))
            boxes = tuple(
                ScopeBox(*sizes[part], tuple(wide[part]), part in signs, _is_output(view, part)) for part in box.parts
            )
            drawn[box.id] = _scope(boxes, number, flow), stubs, list(flow.entries)
            shapes[box.id] = tuple(flow.shapes.get(part, "") for part in box.parts)
    found = _layouts(list(dict.fromkeys(scope for scope, *_ in drawn.values())))
    as_u: dict[tuple[Scope, tuple[str, ...]], BoxLayout | None] = {}
    with_u: dict[tuple[Scope, BoxLayout | None], BoxLayout] = {(scope, None): one for scope, one in found.items()}
    laid_out = {}
    for name, (scope, stubs, entries) in drawn.items():
        key = scope, shapes[name]
        if key not in as_u:
            as_u[key] = _as_u(*key)
        layout = with_u.setdefault((scope, as_u[key]), replace(found[scope], u=as_u[key]))
        laid_out[name] = LaidOut(layout, stubs, entries)
    return laid_out


def _is_output(view: View, name: str) -> bool:
    """Return whether a box is an output, or a group of outputs."""
    return all(view.boxes[part].kind == "output" for part in view.boxes[name].parts or (name,))


@dataclass
class _Flow:
    """What flows inside of a box: *lines* between parts, *order* for values that only stubs show, and the *stubs*.

    *entries* maps a value from outside to the parts that read it, *exits* are the parts whose values are read outside.
    *shapes* has the shape of the value of each part that a line leaves.
    """

    lines: dict[tuple[str, str], None] = field(default_factory=dict)
    order: dict[str, str] = field(default_factory=dict)
    stubs: dict[Stub, None] = field(default_factory=dict)
    entries: dict[str, dict[str, None]] = field(default_factory=dict)
    exits: dict[str, None] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)


def _flows(view: View) -> dict[str, _Flow]:
    """Return what flows inside of each box.

    A shared value is a stub at each reader that no line from it leads to.
    """
    found: dict[str, _Flow] = defaultdict(_Flow)
    reached: set[tuple[str, str]] = set()  # a value, and a box that a line of it leads to or into
    meetings = list(zip(view.links, view.meetings, strict=True))
    for link, (meet, source, target) in meetings:
        if link.shared:
            continue
        found[meet].lines[source, target] = None
        found[meet].shapes.setdefault(source, link.label)
        above, below = view.chain(link.source), view.chain(link.target)
        reached.update((link.source, child) for child in below[: below.index(meet)])
        for child, scope in pairwise(below[: below.index(meet)]):
            found[scope].entries.setdefault(link.source, {})[child] = None
        for child, scope in pairwise(above[: above.index(meet)]):
            found[scope].exits[child] = None
    for link, (meet, source, target) in meetings:
        if not link.shared:
            continue
        found[meet].order.setdefault(source, target)
        below = view.chain(link.target)
        for child, scope in pairwise(below[: below.index(meet) + 1]):
            if (link.source, child) not in reached:
                found[scope].stubs[link.source, child] = None
    return found


def _scope(boxes: tuple[ScopeBox, ...], number: Mapping[str, int], flow: _Flow) -> Scope:
    """Return the inside of a box whose parts have these numbers."""
    led = {source for source, _ in flow.lines}  # a value that only stubs show stands above the first of them
    edges = [*flow.lines, *((source, first) for source, first in flow.order.items() if source not in led)]
    entries = [tuple(sorted(number[part] for part in readers)) for readers in flow.entries.values()]
    return Scope(
        boxes,
        tuple((number[source], number[target]) for source, target in edges),
        tuple(entries),
        tuple(sorted(number[part] for part in flow.exits)),
    )


def _layouts(scopes: list[Scope]) -> dict[Scope, BoxLayout]:
    found: dict[Scope, BoxLayout] = {}
    tangled: list[Scope] = []
    for scope in scopes:
        layers = Layers(len(scope.boxes), scope.edges)
        placed = _as_figure(scope, layers) if _is_fit(scope) else None
        if placed is not None and placed.tangled <= TANGLED:
            found[scope] = _of_figure(scope, placed)
        elif layers.span > LARGEST:
            found[scope] = _in_layers(scope)
        else:
            tangled.append(scope)
    if tangled:
        graphs = [_flat(scope) for scope in tangled]
        for scope, graph, at in zip(tangled, graphs, centres(graphs), strict=True):
            found[scope] = _with_spine(scope, _layout(graph.sizes, at))
    return found


def _with_spine(scope: Scope, layout: BoxLayout) -> BoxLayout:
    """Return *layout* with its spine where the value that leaves it comes from, if that is one."""
    return replace(layout, spine=layout.places[scope.exits[0]].x) if len(scope.exits) == 1 else layout


def _is_fit(scope: Scope) -> bool:
    """Return whether the layout of the figure takes a scope of this size in no time."""
    return len(scope.boxes) <= MOST_BOXES and len(scope.edges) + sum(map(len, scope.entries)) <= MOST_EDGES


def _as_figure(scope: Scope, layers: Layers) -> ScopeLayout:
    """Return the layout of the figure; *layers* tells which edges close no circle."""
    down = tuple((a, b) for a, below in layers.below.items() for b in below)
    return scope_layout(Scope(scope.boxes, down, scope.entries, scope.exits), SPREAD)


def _as_u(scope: Scope, shapes: Sequence[str]) -> BoxLayout | None:
    """Return the layout of *scope* as a U, or None if it is no U, or an edge of it closes a circle."""
    if not _is_fit(scope) or not nx.is_directed_acyclic_graph(nx.DiGraph(scope.edges)):
        return None
    placed = u_layout(scope, shapes, SPREAD)
    return _of_figure(scope, placed, digits=1) if placed is not None else None  # its lines end on its boxes


def _of_figure(scope: Scope, placed: ScopeLayout, digits: int | None = None) -> BoxLayout:
    """Return the layout of the figure; the corners of its lines have so many *digits* after the point."""
    sizes = [(box.width, box.height) for box in scope.boxes] + [size for box in scope.boxes for size in box.stubs]
    found = _layout(sizes, [*placed.boxes, *(at for stubs in placed.stubs for at in stubs)])
    lines = [
        (line.source, line.target, *(round(at, digits) for corner in line.corners for at in corner))
        for line in placed.lines
    ]
    return replace(found, width=round(placed.width, 1), spine=round(placed.spine, 1), lines=tuple(lines))


def _flat(scope: Scope) -> FlatGraph:
    """Return *scope* as one graph, in which the stubs are boxes after all others."""
    sizes, edges = [(box.width, box.height) for box in scope.boxes], list(scope.edges)
    for reader, box in enumerate(scope.boxes):
        for size in box.stubs:
            edges.append((len(sizes), reader))
            sizes.append(size)
    return FlatGraph(tuple(sizes), tuple(edges))


def _in_layers(scope: Scope) -> BoxLayout:
    flat = _flat(scope)
    return _layout(flat.sizes, Layers(len(flat.sizes), flat.edges).places(flat.sizes))


def _layout(sizes: Iterable[tuple[float, float]], centres: Iterable[tuple[float, float]]) -> BoxLayout:
    """Return a layout of boxes of these sizes, none of which is left of 0 or above it."""
    places = [
        Place(round(x, 1), round(y, 1), round(width, 1), round(height, 1))
        for (x, y), (width, height) in zip(centres, sizes, strict=True)
    ]
    right, bottom = max(p.x + p.width / 2 for p in places), max(p.y + p.height / 2 for p in places)
    return BoxLayout(round(right, 1), round(bottom, 1), tuple(places), round(right / 2, 1))


__all__ = ["BoxLayout", "LaidOut", "Place", "Stub", "scopes"]
