"""Scope layout: the positions of the closed boxes inside one open box, by their sizes and what flows between them.

It is the layout of a figure without its text, for a picture that opens boxes by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ptgraph.figure.box_text import STUB_AWAY
from ptgraph.figure.figure_graph import FigureGraph, Flow, Stub
from ptgraph.figure.layout.measuring import measure
from ptgraph.figure.layout.orthogonal_routes import Point, routes
from ptgraph.figure.layout.placement import Placed, place, upward_boxes
from ptgraph.figure.layout.planning import plan
from ptgraph.figure.layout.routing_plan import Hop, Leg, Plan
from ptgraph.figure.layout.sizes import BoxSize, Sizes, TitleSize
from ptgraph.figure.layout.tree import Parallel, UShape
from ptgraph.graph.view.model import Box

_STUB_GAP = 2.0  # between the stubs of one box
_GAP = 28.0  # points: a line that bends between two boxes is no longer than that before and after the bend
_ROOT, _SCOPE, _OUT = "root", "scope", "out"


@dataclass(frozen=True, slots=True)
class ScopeBox:
    """A closed box: its size, those of its stubs, whether it is a sign, and whether it is an output of the model."""

    width: float
    height: float
    stubs: tuple[tuple[float, float], ...] = ()
    is_sign: bool = False
    is_output: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """The inside of an open box. Boxes go by their numbers, in topological order.

    *entries* has for each value that comes from outside the boxes that read it; *exits* are the boxes whose values are
    read outside.
    """

    boxes: tuple[ScopeBox, ...]
    edges: tuple[tuple[int, int], ...]
    entries: tuple[tuple[int, ...], ...] = ()
    exits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """The corners of a line from *source* to *target*.

    They are numbers of boxes; the source -1 - k is the entry k, and the target -1 is the outside.
    """

    source: int
    target: int
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class ScopeLayout:
    """The inside of an open box: the centres of its boxes, and of the stubs of each box, and the lines, as (x, y).

    Nothing is left of 0 or above it. *spine* is the x of the spine, of a U that of its left column, *width* that of all
    together. *lines* are those that are neither straight nor a bend in one gap; of a U they are all lines. *tangled* is
    how many lines run past branches: what is series-parallel but for skips has none or few.
    """

    spine: float
    width: float
    tangled: int
    boxes: tuple[tuple[float, float], ...]
    stubs: tuple[tuple[tuple[float, float], ...], ...]
    lines: tuple[ScopeLine, ...]


def scope_layout(scope: Scope, spread: float = 1.0) -> ScopeLayout:
    """Return the layout of *scope*, with *spread* times the distances of a figure; the flow runs down.

    Lengths are in points. Raises networkx.NetworkXUnfeasible if the edges close a circle.
    """
    planned = _from_above(plan(_figure(scope, ()), {_ROOT, _SCOPE}, u_shapes=False))
    return _positions(scope, planned, spread, is_drawn=_is_bent)


def u_layout(scope: Scope, shapes: Sequence[str], spread: float = 1.0) -> ScopeLayout | None:
    """Return the layout of *scope* as a U, with the corners of all its lines; None if it is no U.

    *shapes* has the shape of the value of each box, such as ``1×64×32×32``. The left column flows down, the right one
    up; boxes of the right one have their stubs at the right. Lengths are in points, *spread* times the distances of a
    figure. Raises networkx.NetworkXUnfeasible if the edges close a circle.
    """
    if len(scope.edges) <= len(scope.boxes):
        return None  # a chain with less than two skips
    planned = plan(_figure(scope, shapes), {_ROOT, _SCOPE})
    if not isinstance(planned.open_boxes[_SCOPE].tree, UShape):
        return None
    found = _positions(scope, planned, spread, is_drawn=bool)
    wanted = {*scope.edges, *((exit, -1) for exit in scope.exits)}
    wanted.update((-1 - number, reader) for number, readers in enumerate(scope.entries) for reader in readers)
    return found if wanted <= {(line.source, line.target) for line in found.lines} else None


def _positions(scope: Scope, planned: Plan, spread: float, is_drawn: Callable[[Sequence[Point]], bool]) -> ScopeLayout:
    """Return the layout of *scope* by its plan, with the lines of which *is_drawn* takes the corners."""
    up = {int(name) for name in upward_boxes(planned) if name.isdecimal()}
    sizes = {str(number): _size(box, spread, up=number in up) for number, box in enumerate(scope.boxes)}
    outside = [*(f"in{number}" for number in range(len(scope.entries))), _OUT]
    sizes |= dict.fromkeys(outside, BoxSize(0.0, 0.0, 0.0, 0.0))
    measured = measure(planned, sizes, {_SCOPE: TitleSize(0.0, 0.0, 0.0)}, frozenset(), title_first=True)
    placed = place(measured)
    around = placed.boxes[_SCOPE]
    boxes = [
        (placed.boxes[str(k)].u * spread, _middle(placed, measured, str(k)) * spread) for k in range(len(scope.boxes))
    ]
    stubs = [_stubs(box, *boxes[k], spread, up=k in up) for k, box in enumerate(scope.boxes)]
    lines = {}
    for edge, points in routes(measured, placed).items():
        inside = _between(points, around.v, around.v + measured.boxes[_SCOPE].along)
        if is_drawn(inside):
            lines[edge] = [(u * spread, v * spread) for u, v in inside]
    rectangles = [(x, y, box.width, box.height) for (x, y), box in zip(boxes, scope.boxes, strict=True)]
    for box, centres in zip(scope.boxes, stubs, strict=True):
        rectangles += [(x, y, *size) for (x, y), size in zip(centres, box.stubs, strict=True)]
    rectangles += [(x, y, 0.0, 0.0) for line in lines.values() for x, y in line]
    left, top = (
        min(x - width / 2 for x, _, width, _ in rectangles),
        min(y - height / 2 for _, y, _, height in rectangles),
    )
    return ScopeLayout(
        around.u * spread - left,
        max(x + width / 2 for x, _, width, _ in rectangles) - left,
        len({(leg.value, hop) for leg, hop in _jumps(planned)}),
        _moved(boxes, left, top),
        tuple(_moved(centres, left, top) for centres in stubs),
        tuple(
            ScopeLine(_number(edge.source), _number(edge.target), _moved(line, left, top))
            for edge, line in lines.items()
        ),
    )


def _from_above(planned: Plan) -> Plan:
    """Return *planned* with no value that enters a box at its right side."""
    changed = {leg: replace(leg, side=None) if leg.side == "right" else leg for leg in planned.legs}
    open_boxes = {
        name: replace(box, legs={wire: changed[leg] for wire, leg in box.legs.items()})
        for name, box in planned.open_boxes.items()
    }
    edges = {edge: [changed[leg] for leg in legs] for edge, legs in planned.edges.items()}
    return Plan(planned.root, open_boxes, edges, planned.shapes, planned.stubs)


def _middle(placed: Placed, sizes: Sizes, name: str) -> float:
    """Return where along the flow the middle of a box is."""
    along = sizes.boxes[name].along
    return placed.boxes[name].top(along) + along / 2


def _jumps(planned: Plan) -> Iterator[tuple[Leg, Hop]]:
    """Yield the hops past branches in the scope, with their legs."""
    for series, hops in planned.hops.items():
        for leg, hop in hops:
            if leg.box == _SCOPE and any(isinstance(part, Parallel) for part in series.parts[hop.start + 1 : hop.end]):
                yield leg, hop


def _moved(points: Iterable[Point], left: float, top: float) -> tuple[Point, ...]:
    return tuple((x - left, y - top) for x, y in points)


def _between(points: Sequence[Point], top: float, bottom: float) -> list[Point]:
    """Return the part of a line between two heights along the flow, which it passes straight."""
    inside = [(u, v) for u, v in points if top <= v <= bottom]
    if inside and points[0][1] < top:
        inside.insert(0, (inside[0][0], top))
    if inside and points[-1][1] > bottom:
        inside.append((inside[-1][0], bottom))
    return inside


def _number(name: str) -> int:
    """Return the number by which a line has a box of the figure."""
    if name == _OUT:
        return -1
    return -1 - int(name.removeprefix("in")) if name.startswith("in") else int(name)


def _is_bent(corners: Sequence[tuple[float, float]]) -> bool:
    """Return whether a line runs past something, or enters a sign at its side, and does not just bend in one gap."""
    if len(corners) == 4 and corners[1][1] == corners[2][1]:
        (_, begin), (_, bend), _, (_, end) = corners
        return max(bend - begin, end - bend) > _GAP
    return len(corners) > 2 or (len(corners) == 2 and corners[0][0] != corners[1][0])


def _size(box: ScopeBox, spread: float, *, up: bool) -> BoxSize:
    """Return the size of a box with its stubs, in the distances of a figure: at its right if it flows *up*."""
    across, along = box.width / spread, max(box.height, _height(box, spread)) / spread
    left = right = across / 2
    if box.stubs:
        beside = STUB_AWAY + max(width for width, _ in box.stubs) / spread
        left, right = (left, right + beside) if up else (left + beside, right)
    return BoxSize(across, along, left, right, round=box.is_sign)


def _height(box: ScopeBox, spread: float) -> float:
    """Return the height of the stubs of a box together."""
    return sum(height + _STUB_GAP * spread for _, height in box.stubs) - _STUB_GAP * spread if box.stubs else 0.0


def _stubs(box: ScopeBox, x: float, y: float, spread: float, *, up: bool) -> tuple[tuple[float, float], ...]:
    """Return the centres of the stubs of a box whose centre is (x, y): right of it if it flows *up*, or else left."""
    found = []
    side = 1 if up else -1
    edge, top = x + side * (box.width / 2 + STUB_AWAY * spread), y - _height(box, spread) / 2
    for width, height in box.stubs:
        found.append((edge + side * width / 2, top + height / 2))
        top += height + _STUB_GAP * spread
    return tuple(found)


def _figure(scope: Scope, shapes: Sequence[str]) -> FigureGraph:
    """Return a figure in which *scope* is an open box, below the sources of its entries and above what it feeds.

    *shapes* are those of the values of its boxes, or empty.
    """
    count = len(scope.boxes)
    inner = [_box(str(number), _SCOPE, "output" if box.is_output else "op") for number, box in enumerate(scope.boxes)]
    sources = [_box(f"in{number}", _ROOT, "input") for number in range(len(scope.entries))]
    around = _box(_SCOPE, _ROOT, "module", tuple(map(str, range(count))))
    outer = [*sources, around, _box(_OUT, _ROOT, "op")] if scope.exits else [*sources, around]
    root = _box(_ROOT, None, "module", tuple(box.id for box in outer))
    label = dict(enumerate(shapes))
    flows = [
        *(Flow(f"in{number}", str(reader), "") for number, readers in enumerate(scope.entries) for reader in readers),
        *(Flow(str(source), str(target), label.get(source, "")) for source, target in scope.edges),
        *(Flow(str(source), _OUT, label.get(source, "")) for source in scope.exits),
    ]
    boxes = {box.id: box for box in (root, *outer, *inner)}
    stubs: dict[str, tuple[Stub, ...]] = {
        str(number): (Stub(""),) for number, box in enumerate(scope.boxes) if box.stubs
    }
    return FigureGraph(boxes, tuple(flows), stubs, {}, _ROOT)


def _box(name: str, parent: str | None, kind: str, parts: tuple[str, ...] = ()) -> Box:
    return Box(name, kind, name, "", "", "", parent, parts)  # type: ignore[arg-type]  # one of its kinds


__all__ = ["Scope", "ScopeBox", "ScopeLayout", "ScopeLine", "scope_layout", "u_layout"]
