"""The labels of a figure: the shapes of values beside their lines, and the stubs beside boxes, at full size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ptgraph.drawing.text_metrics import plain_width
from ptgraph.figure.box_text import LINE_UP, NOTE, STUB_AWAY, STUB_HEIGHT
from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.axes import Axes, Rectangle
from ptgraph.figure.layout.placement import Position
from ptgraph.figure.layout.routing_plan import Edge
from ptgraph.figure.layout.sizes import BoxSize
from ptgraph.graph.dimensions import dimensions_text
from ptgraph.graph.model import ModelGraph

_STUB_GAP = 2.0  # between the stubs of one box


class ShapeLabel(NamedTuple):
    """The shape of a value, beside its line: the box that it comes from, and the rectangle of the text."""

    source: str
    text: str
    rectangle: Rectangle


class StubLabel(NamedTuple):
    """A value that a box reads and that has no line: its name, the text, which may be cut, and the line to its box."""

    box: str
    name: str
    text: str
    rectangle: Rectangle
    line: tuple[tuple[float, float], ...]


def shape_texts(
    figure: FigureGraph, graph: ModelGraph, edges: Iterable[Edge], carried: Mapping[str, str]
) -> dict[str, str]:
    """Return the shapes of values that their figure shows, by box: those of another shape than what the box reads.

    *carried* maps each box that *edges* lead from to the shape of its value.
    """
    shapes = {source: value_shape(figure, graph, source) or shape for source, shape in carried.items()}
    reads: dict[str, set[str]] = {}
    for source, target in edges:
        reads.setdefault(target, set()).update((shapes[source], carried[source]))
    found = {}
    for source, shape in carried.items():
        text = shapes[source]
        if text and figure.boxes[source].kind != "input" and not reads.get(source, set()) & {text, shape}:
            found[source] = text
    return found


def value_shape(figure: FigureGraph, graph: ModelGraph, name: str) -> str:
    """Return the shape of the value of a box; of a module with several calls, only its operations know it."""
    box = figure.boxes[name]
    if box.op is not None and box.op in graph.ops:
        return dimensions_text(graph.op(box.op).shape)
    component = graph.component(box.component) if box.kind == "module" else None
    return dimensions_text(component.shape) if component is not None and component.calls == 1 else ""


def shape_size(axes: Axes, text: str) -> tuple[float, float]:
    """Return how far the label of a value reaches across the flow and along it."""
    width, height = plain_width(text, NOTE) + 4, NOTE * LINE_UP
    return (width, height) if axes.down else (height + 2, width)


def shape_label(axes: Axes, source: str, text: str, size: BoxSize, at: Position) -> ShapeLabel:
    """Return the label of the value of a box of that *size*."""
    width, height = plain_width(text, NOTE), NOTE * LINE_UP
    end = at.along(size.along)
    if axes.down:
        return ShapeLabel(source, text, axes.rectangle(at.u + 3, end - height if at.up else end + 1, width, height - 1))
    return ShapeLabel(
        source, text, axes.rectangle(at.u + 1.5, end - 2 - width if at.up else end + 2, height - 1, width)
    )


def stubs_size(axes: Axes, texts: Sequence[str]) -> tuple[float, float]:
    """Return how far the stubs of one box reach across the flow and along it."""
    width = max(plain_width(text, NOTE) for text in texts) + 8
    height = STUB_HEIGHT * len(texts) + _STUB_GAP * (len(texts) - 1)
    return axes.turned(width, height)


def stub_labels(
    axes: Axes, box: str, names: Sequence[str], texts: Sequence[str], size: BoxSize, at: Position
) -> list[StubLabel]:
    """Return the stubs of a box of that *size*: one below the other, or to the left of the other."""
    middle, side = at.along(size.along / 2), 1 if at.up else -1
    edge = at.u + side * size.across / 2
    first = middle - stubs_size(axes, texts)[1] / 2
    found = []
    for number, (name, text) in enumerate(zip(names, texts, strict=True)):
        width, offset = plain_width(text, NOTE) + 8, number * (STUB_HEIGHT + _STUB_GAP)
        near = edge + side * STUB_AWAY
        if axes.down:
            v = first + offset + STUB_HEIGHT / 2
            rectangle = axes.rectangle(min(near, near + side * width), first + offset, width, STUB_HEIGHT)
            line = (near, v), (edge, v)
        else:
            near += side * offset
            begin = at.top(size.along) if size.round else middle - width / 2
            rectangle = axes.rectangle(min(near, near + side * STUB_HEIGHT), begin, STUB_HEIGHT, width)
            line = (near, middle), (edge if number == 0 else near - side * _STUB_GAP, middle)
        found.append(StubLabel(box, name, text, rectangle, tuple(map(axes.point, line))))
    return found


__all__ = [
    "ShapeLabel",
    "StubLabel",
    "shape_label",
    "shape_size",
    "shape_texts",
    "stub_labels",
    "stubs_size",
    "value_shape",
]
