"""The geometry of a figure as Graphviz' dot lays it out: the same boxes, words and sizes, other positions and lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist
from typing import Any

from ptgraph.common.graphviz_program import run
from ptgraph.figure.box_text import BROAD, BoxText, box_texts, short
from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.axes import Axes, Rectangle
from ptgraph.figure.layout.dot.curves import Point, corners, straightened
from ptgraph.figure.layout.dot.frame_titles import insets, widths
from ptgraph.figure.layout.dot.graph_text import Cluster, graph_text, node
from ptgraph.figure.layout.dot.ways import Way, gates_by_frame, ways
from ptgraph.figure.layout.labels import shape_label, shape_texts, stub_labels
from ptgraph.figure.layout.layout import Geometry, body, box_size, title_size
from ptgraph.figure.layout.placement import Position
from ptgraph.figure.layout.routing_plan import Edge
from ptgraph.figure.layout.sizes import BoxSize
from ptgraph.figure.layout.spacing import ENTRY, PAD, TITLE_INSET
from ptgraph.figure.options import Direction, Shown
from ptgraph.figure.shared_values import lines_and_stubs
from ptgraph.graph.model import ModelGraph

_BLEND = 28.0  # points before a box on which lines that enter it part
_STRAIGHT = 3.0  # points across the flow by which a line that comes straight may be off
_INSIDE = PAD / 2  # points from a line to the frame that it is in
_ROUNDS, _WIDER = 6, 1.2  # layouts with wider frames, for titles that lines lead through

_Insets = dict[str, tuple[float, float]]


def dot_geometry(
    figure: FigureGraph,
    graph: ModelGraph,
    opened: set[str],
    direction: Direction,
    show: Sequence[Shown],
    broad: float = BROAD,
) -> Geometry:
    """Return the layout by Graphviz of a figure in which the boxes *opened* are frames.

    Titles of boxes that are broader than *broad*, in points, are set in two lines. Raises ExportError if Graphviz is
    missing, fails, or takes longer than the limit ``seconds``.
    """
    axes = Axes(down=direction == "TB")
    found = lines_and_stubs(figure, opened)
    edges = [Edge(*line) for line in found.lines]
    carried = found.shapes()
    closed = figure.visible(opened)
    frames = [name for name in _outermost_first(figure, opened) if name != figure.root]
    texts = box_texts(figure, graph, closed, frames, show, broad)
    shapes = shape_texts(figure, graph, edges, carried) if "shapes" in show else {}
    stubs = {name: [short(text, broad) for text in words] for name, words in found.stubs.items()}
    sizes = {
        name: box_size(axes, texts.get(name), shapes.get(name, ""), stubs.get(name, ()), up=False) for name in closed
    }
    laid_out, over = _with_titles(_Asked(figure, sizes, frames, ways(figure, edges), texts, axes))
    at = laid_out.boxes
    return Geometry(
        round(laid_out.width + 2 * axes.point((0.0, 0.0))[0], 2),
        round(laid_out.height + 2 * axes.point((0.0, 0.0))[0], 2),
        {name: body(axes, sizes[name], at[name]) for name in closed},
        {name: _moved(axes, laid_out.frames[name]) for name in frames},
        texts,
        over,
        {edge: tuple(_point(axes, point) for point in line) for edge, line in laid_out.lines.items()},
        tuple(shape_label(axes, name, text, sizes[name], at[name]) for name, text in shapes.items()),
        tuple(
            stub
            for name, cut in stubs.items()
            for stub in stub_labels(axes, name, found.stubs[name], cut, sizes[name], at[name])
        ),
        carried,
        (),
        has_u=False,
    )


@dataclass(frozen=True)
class _Asked:
    """What is to be laid out: boxes of *sizes*, *frames*, and the *ways* of lines."""

    figure: FigureGraph
    sizes: Mapping[str, BoxSize]
    frames: Sequence[str]
    ways: Mapping[Edge, Way]
    texts: Mapping[str, BoxText]
    axes: Axes


@dataclass(frozen=True)
class _LaidOut:
    """Where everything stands in points, the y axis down, without the margin; *boxes* along and across the flow."""

    width: float
    height: float
    boxes: dict[str, Position]
    frames: dict[str, Rectangle]
    lines: dict[Edge, tuple[Point, ...]]


def _with_titles(asked: _Asked) -> tuple[_LaidOut, _Insets]:
    """Return the layout, with frames so wide that words stand beside the lines over them, and their insets."""
    words = {name: widths(asked.figure.boxes[name], asked.texts[name]) for name in asked.frames}
    room = {name: title_size(asked.figure.boxes[name], asked.texts[name]) for name in asked.frames}
    wanted = {name: start + end + 4 * TITLE_INSET for name, (start, end) in words.items()}
    gates = gates_by_frame(asked.ways)
    for _ in range(_ROUNDS):
        clusters = {
            name: Cluster(asked.figure.boxes[name].parts, gates.get(name, ()), wanted[name], room[name].height)
            for name in asked.frames
        }
        laid_out = _laid_out(asked, clusters)
        found = {name: insets(laid_out.frames[name], *words[name], laid_out.lines.values()) for name in asked.frames}
        crossed = [name for name, inset in found.items() if inset is None]
        if not crossed:
            break
        for name in crossed:
            wanted[name] = _WIDER * max(wanted[name], laid_out.frames[name].width)
    return laid_out, {name: inset or (TITLE_INSET, TITLE_INSET) for name, inset in found.items()}


def _laid_out(asked: _Asked, clusters: Mapping[str, Cluster]) -> _LaidOut:
    names = {name: f"n{number}" for number, name in enumerate(asked.sizes)}
    names |= {name: f"cluster_{number}" for number, name in enumerate(asked.frames)}
    root = asked.figure.boxes[asked.figure.root].parts
    text = graph_text(root, asked.sizes, clusters, asked.ways, names, down=asked.axes.down)
    found = json.loads(run(text, "json0", "seconds"))
    _, _, width, height = _numbers(found["bb"])
    objects = {one["name"]: one for one in found.get("objects", ())}
    boxes = {name: _position(asked.axes, size, objects[names[name]], height) for name, size in asked.sizes.items()}
    frames = {}
    for name in asked.frames:
        left, bottom, right, top = _numbers(objects[names[name]]["bb"])
        frames[name] = Rectangle(left, height - top, right - left, top - bottom)
    splines = _splines(found, height)
    lines = {}
    for edge, way in asked.ways.items():
        passed = [names[edge.source], *(gate for gate, _ in way.gates), names[edge.target]]
        chains = [asked.figure.chain(edge.source), *(asked.figure.chain(frame) for _, frame in way.gates)]
        chains.append(asked.figure.chain(edge.target))
        line = []
        for part, (one, other) in zip(pairwise(passed), pairwise(chains), strict=True):
            around = next(box for box in one if box in other)
            line += _within(corners(splines[part]), frames.get(around))
        lines[edge] = _joined(asked, boxes, edge, line)
    return _LaidOut(width, height, boxes, frames, _apart(asked, lines))


def _splines(found: Mapping[str, Any], height: float) -> dict[tuple[str, str], list[Point]]:
    """Return the splines of Graphviz' output, by the names of the nodes that they join."""
    by_number = {one["_gvid"]: one["name"] for one in found.get("objects", ())}
    splines = {}
    for one in found.get("edges", ()):
        points = (_numbers(pair) for pair in one["pos"].split())
        splines[by_number[one["tail"]], by_number[one["head"]]] = [(x, height - y) for x, y in points]
    return splines


def _within(line: list[Point], frame: Rectangle | None) -> list[Point]:
    """Return a line that does not leave the frame that both of its ends are in."""
    if frame is None:
        return line
    x, y, width, height = frame
    return [
        (min(max(u, x + _INSIDE), x + width - _INSIDE), min(max(v, y + _INSIDE), y + height - _INSIDE)) for u, v in line
    ]


def _position(axes: Axes, size: BoxSize, one: Mapping[str, str], height: float) -> Position:
    """Return where the body of a box is: its middle across the flow, and its beginning along it."""
    x, y = _numbers(one["pos"])
    u, v = axes.turned(x, height - y)
    room = node(size)
    if room is None:
        return Position(u, v - size.along / 2)
    return Position(u - room.whole_across / 2 + room.left + room.across / 2, v - room.whole_along / 2 + room.before)


def _joined(asked: _Asked, boxes: Mapping[str, Position], edge: Edge, line: Sequence[Point]) -> tuple[Point, ...]:
    """Return a line that starts and ends at the boxes of its *edge*, straight through the room around each."""
    axes, found = asked.axes, list(line)
    for name, number in ((edge.source, 0), (edge.target, -1)):
        at, size = boxes[name], asked.sizes[name]
        if node(size) is None:
            middle = axes.turned(at.u, at.v + size.along / 2)
            away = dist(middle, found[number]) or 1.0
            share = size.along / 2 / away
            x, y = found[number]
            found[number] = middle[0] + (x - middle[0]) * share, middle[1] + (y - middle[1]) * share
            continue
        _, port = axes.turned(*found[number])
        found[number] = axes.turned(at.u, port)
        if number == 0:
            found.insert(0, axes.turned(at.u, at.v + size.along))
        else:
            found.append(axes.turned(at.u, at.v))
    return tuple(found)


def _apart(asked: _Asked, lines: Mapping[Edge, Sequence[Point]]) -> dict[Edge, tuple[Point, ...]]:
    """Return *lines* with those that enter one box beside each other, in the order in which they come."""
    into: dict[str, list[Edge]] = {}
    for edge in lines:
        into.setdefault(edge.target, []).append(edge)
    found = {edge: straightened(line) for edge, line in lines.items()}
    for target, edges in into.items():
        if len(edges) > 1 and node(asked.sizes[target]) is not None:
            origins = {edge: _from(asked.axes, lines[edge]) for edge in edges}
            for edge, by in _offsets(origins, asked.sizes[target].across / 2).items():
                found[edge] = straightened(_shifted_end(asked.axes, lines[edge], by))
    return found


def _offsets(origins: Mapping[Edge, float], reach: float) -> dict[Edge, float]:
    """Return how far from the middle of a box, which reaches so far, lines end that come from *origins*, from there.

    One that comes straight ends in the middle.
    """
    ranked = sorted(origins, key=origins.__getitem__)
    straight = [number for number, edge in enumerate(ranked) if abs(origins[edge]) < _STRAIGHT]
    middle = straight[0] if len(straight) == 1 else (len(ranked) - 1) / 2
    step = min(ENTRY, (reach - ENTRY / 2) / max(middle, len(ranked) - 1 - middle))
    return {edge: (number - middle) * step for number, edge in enumerate(ranked)}


def _from(axes: Axes, line: Sequence[Point]) -> float:
    """Return where across the flow a line comes from, shortly before its end."""
    end = axes.turned(*line[-1])
    before = (axes.turned(*point) for point in reversed(line[:-2]))
    return next((u for u, v in before if dist((u, v), end) > _BLEND), axes.turned(*line[0])[0]) - end[0]


def _shifted_end(axes: Axes, line: Sequence[Point], by: float) -> list[Point]:
    """Return a line that ends *by* so much across the flow: its last straight part is moved, what leads to it bends."""
    found = []
    port = line[-2]
    length = min(_BLEND, dist(line[1], port)) or 1.0
    for number, point in enumerate(line):
        u, v = axes.turned(*point)
        share = max(0.0, 1 - dist(point, port) / length) if number < len(line) - 2 else 1.0
        found.append(axes.turned(u + by * share if number else u, v))
    return found


def _outermost_first(figure: FigureGraph, opened: set[str]) -> list[str]:
    found, waiting = [], [figure.root]
    while waiting:
        found.append(waiting.pop(0))
        waiting += [part for part in figure.boxes[found[-1]].parts if part in opened]
    return found


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))


def _point(axes: Axes, point: Point) -> Point:
    return axes.point(axes.turned(*point))


def _moved(axes: Axes, one: Rectangle) -> Rectangle:
    return Rectangle(*_point(axes, (one.x, one.y)), round(one.width, 2), round(one.height, 2))


__all__ = ["dot_geometry"]
