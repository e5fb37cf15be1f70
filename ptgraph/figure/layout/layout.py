"""Layout: the position and size of each box, frame, line, label and stub of a figure.

Plan → sizes → positions → routes: each step is one function, whose result is the input of the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ptgraph.drawing.text_metrics import plain_width, text_width
from ptgraph.figure.box_text import (
    APART,
    BROAD,
    LINE_UP,
    NOTE,
    RADIUS,
    STUB_AWAY,
    TITLE,
    BoxText,
    box_texts,
    short,
)
from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.axes import Axes, Rectangle
from ptgraph.figure.layout.labels import (
    ShapeLabel,
    StubLabel,
    shape_label,
    shape_size,
    shape_texts,
    stub_labels,
    stubs_size,
)
from ptgraph.figure.layout.line_ends import leaving_positions, port_position
from ptgraph.figure.layout.measuring import measure
from ptgraph.figure.layout.orthogonal_routes import routes
from ptgraph.figure.layout.placement import Position, place, upward_boxes
from ptgraph.figure.layout.routing_plan import Edge, Plan
from ptgraph.figure.layout.sizes import BoxSize, Sizes, TitleSize
from ptgraph.figure.layout.spacing import PAST_TITLE, TITLE_INSET
from ptgraph.figure.layout.tree import Leaf, Parallel, UShape
from ptgraph.figure.options import Direction, Shown
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import Box


class Connector(NamedTuple):
    """The centre of a circle where the line of a value ends, or *begins* in another column at one with its number."""

    number: int
    at: tuple[float, float]
    begins: bool


@dataclass(frozen=True)
class Geometry:
    """Where everything stands, and its size together, in points at full size.

    *boxes* are the closed boxes, *frames* the open ones but for the root. *texts* are those in boxes and over
    frames, *insets* how far the text over a frame is from its left and its right side. *shapes* has the shape of the
    value of each box with a line, *columns* boxes that say as much as each other. *has_u*: something in it is a U or a
    grid of resolutions, which is a U of more than two columns; *is_grid*: it is that.

    A figure that is cut into columns (`ptgraph.figure.page_columns`) has *connectors*. *frames* and *lines*
    have the first part of a frame that is cut, and the last of a line; *frame_parts* and *line_starts* have the others.
    """

    width: float
    height: float
    boxes: dict[str, Rectangle]
    frames: dict[str, Rectangle]
    texts: dict[str, BoxText]
    insets: dict[str, tuple[float, float]]
    lines: dict[Edge, tuple[tuple[float, float], ...]]
    labels: tuple[ShapeLabel, ...]
    stubs: tuple[StubLabel, ...]
    shapes: dict[str, str]
    columns: tuple[tuple[str, str], ...]
    has_u: bool
    is_grid: bool = False
    connectors: tuple[Connector, ...] = ()
    frame_parts: Mapping[str, tuple[Rectangle, ...]] = field(default_factory=dict)
    line_starts: Mapping[Edge, tuple[tuple[tuple[float, float], ...], ...]] = field(default_factory=dict)


def geometry(
    figure: FigureGraph,
    graph: ModelGraph,
    planned: Plan,
    direction: Direction,
    show: Sequence[Shown],
    broad: float = BROAD,
) -> Geometry:
    """Return the layout of a figure whose lines are *planned*.

    Titles of boxes that are broader than *broad*, in points, are set in two lines.
    """
    axes = Axes(down=direction == "TB")
    closed = figure.visible({*planned.open_boxes})
    frames = [name for name in planned.open_boxes if name != figure.root]
    texts = box_texts(figure, graph, closed, frames, show, broad)
    shapes = shape_texts(figure, graph, planned.edges, planned.shapes) if "shapes" in show else {}
    stubs = {name: [short(text, broad) for text in names] for name, names in planned.stubs.items()}

    turned = upward_boxes(planned)
    boxes = {
        name: box_size(axes, texts.get(name), shapes.get(name, ""), stubs.get(name, ()), up=name in turned)
        for name in closed
    }
    titles = {name: title_size(figure.boxes[name], texts[name]) for name in frames}
    sizes = measure(planned, boxes, titles, turned, title_first=axes.down)
    placed = place(sizes)
    lines = routes(sizes, placed)

    width, height = axes.page(placed.across, placed.along)
    size, at = sizes.boxes, placed.boxes
    return Geometry(
        width,
        height,
        {name: body(axes, size[name], at[name]) for name in closed},
        {name: _frame(axes, size[name], at[name]) for name in frames},
        texts,
        {name: _insets(axes, sizes, name) for name in frames},
        {edge: tuple(map(axes.point, line)) for edge, line in lines.items()},
        tuple(shape_label(axes, name, text, size[name], at[name]) for name, text in shapes.items()),
        tuple(
            stub
            for name, cut in stubs.items()
            for stub in stub_labels(axes, name, planned.stubs[name], cut, size[name], at[name])
        ),
        planned.shapes,
        tuple(_columns(planned, {name for name, box in figure.boxes.items() if box.parts})),
        bool(turned),
    )


def _insets(axes: Axes, sizes: Sizes, name: str) -> tuple[float, float]:
    """Return how far the text over a frame is from its sides: it stands between lines that cross the top of it."""
    box, size = sizes.plan.open_boxes[name], sizes.boxes[name]
    if not (axes.down and isinstance(box.tree, UShape) and box.tree.rising):
        return TITLE_INSET, TITLE_INSET
    first = max((port_position(sizes, box, port) for port in box.ports.values()), default=-size.left)
    last = min(leaving_positions(sizes, box), default=size.right)
    return size.left + first + PAST_TITLE, size.right - last + PAST_TITLE


def _columns(plan: Plan, with_parts: set[str]) -> Iterator[tuple[str, str]]:
    """Yield each encoder with its decoder, and the two boxes of each level of a U.

    The boxes of a level are among those *with_parts*.
    """
    for leg in plan.legs:
        if leg.change is not None and isinstance(leg.change.around, Parallel) and leg.source and leg.target:
            yield leg.source, leg.target
    for box in plan.open_boxes.values():
        if isinstance(box.tree, UShape) and len(box.tree.levels) > 1:
            for left, right in box.tree.levels:
                if isinstance(left, Leaf) and isinstance(right, Leaf) and {left.name, right.name} <= with_parts:
                    yield left.name, right.name


def box_size(axes: Axes, text: BoxText | None, shape: str, stubs: Sequence[str], *, up: bool) -> BoxSize:
    """Return the size of a closed box with a *text*, or None for a sign, with the *shape* of its value and *stubs*.

    *up*: it flows against the figure, and its stubs are at its right.
    """
    across, along = axes.turned(text.width, text.height) if text is not None else (2 * RADIUS, 2 * RADIUS)
    left = right = across / 2
    after = 0.0
    if shape:
        beside, after = shape_size(axes, shape)
        right = max(right, beside)
    if stubs:
        stubs_across, stubs_along = stubs_size(axes, stubs)
        if up:
            right = max(right, across / 2 + STUB_AWAY + stubs_across)
        else:
            left += STUB_AWAY + stubs_across
        if text is None:  # a sign keeps its form; what follows makes room
            after = max(after, stubs_along - along)
        else:
            along = max(along, stubs_along)
    return BoxSize(across, along, left, right, after, round=text is None)


def title_size(box: Box, text: BoxText) -> TitleSize:
    repeat = text_width(f"×{box.repeat}", TITLE) + APART if box.repeat > 1 else 0.0
    start, end = text_width(text.titles[0], TITLE), plain_width(text.note, NOTE) + repeat
    return TitleSize(TITLE * LINE_UP + 2, start + PAST_TITLE, end + PAST_TITLE)


def body(axes: Axes, size: BoxSize, at: Position) -> Rectangle:
    """Return where a closed box is, without what stands beside it."""
    return axes.rectangle(at.u - size.across / 2, at.top(size.along), size.across, size.along)


def _frame(axes: Axes, size: BoxSize, at: Position) -> Rectangle:
    return axes.rectangle(at.u - size.left, at.top(size.along), size.left + size.right, size.along)


__all__ = ["Connector", "Geometry", "body", "box_size", "geometry", "title_size"]
