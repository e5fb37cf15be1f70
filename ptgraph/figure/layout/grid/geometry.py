"""The geometry of a figure as a grid of resolutions: rows are resolutions, the finest on top, columns are steps.

After Zhou et al., "UNet++" (DLMIA 2018), Hatamizadeh et al., "UNETR" (WACV 2022), and Lin et al., "Feature Pyramid
Networks" (CVPR 2017). What stands where is said in `ptgraph.figure.layout.grid.cells`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ptgraph.drawing.text_metrics import cut, plain_width, text_width
from ptgraph.figure.box_text import BROAD, CLOSE, NOTE, TITLE, box_texts, short
from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.axes import Axes, Rectangle
from ptgraph.figure.layout.grid.cells import grid
from ptgraph.figure.layout.grid.lines import are_apart, lines
from ptgraph.figure.layout.grid.model import Cell, Grid
from ptgraph.figure.layout.grid.outlines import insets, outlines
from ptgraph.figure.layout.grid.positions import Anchor, places
from ptgraph.figure.layout.grid.ways import ways
from ptgraph.figure.layout.labels import shape_label, shape_texts, stub_labels, value_shape
from ptgraph.figure.layout.layout import Geometry, body, box_size, title_size
from ptgraph.figure.layout.orthogonal_routes import Point, without_straight
from ptgraph.figure.layout.routing_plan import Edge
from ptgraph.figure.options import Shown
from ptgraph.figure.shared_values import lines_and_stubs
from ptgraph.graph.model import ModelGraph

_NEAR = 0.3  # points: as good as the same place


def grid_geometry(
    figure: FigureGraph, graph: ModelGraph, opened: set[str], show: Sequence[Shown], broad: float = BROAD
) -> Geometry | None:
    """Return the layout as a grid of a figure in which the boxes *opened* are frames, or None if it is no grid.

    It is none, either, if a frame stands for several, or if a line of the grid would lead through a box or a text, or
    lie on another.
    Raises networkx.NetworkXUnfeasible if values flow in a circle.
    """
    if any(figure.boxes[name].repeat > 1 for name in opened):
        return None
    found = lines_and_stubs(figure, opened)
    edges = [Edge(*line) for line in found.lines]
    closed = [*figure.visible(opened)]
    values = {name: value_shape(figure, graph, name) for name in closed}
    around = {name: tuple(figure.chain(name)[-2:0:-1]) for name in closed}
    cells = grid(closed, found.lines, values, {name for name in closed if figure.boxes[name].params}, around)
    if cells is None:
        return None
    axes = Axes(down=True)
    carried = found.shapes()
    frames = [frame.name for frame in cells.frames]
    texts = box_texts(figure, graph, closed, frames, show, broad)
    if broad <= CLOSE:
        narrow = [frame.name for frame in cells.frames if frame.first_column == frame.last_column]
        texts |= {name: replace(texts[name], note=cut(texts[name].note, NOTE, broad, bold=False)) for name in narrow}
    titles = {name: title_size(figure.boxes[name], texts[name]) for name in frames}
    shapes = shape_texts(figure, graph, edges, carried) if "shapes" in show else {}
    stubs = {name: [short(text, broad) for text in words] for name, words in found.stubs.items()}
    up = {name for cell in cells.cells if cell.up for name in cell.boxes}
    sizes = {
        name: box_size(axes, texts.get(name), shapes.get(name, ""), stubs.get(name, ()), up=name in up)
        for name in closed
    }
    if broad <= CLOSE and not frames:  # labels may stand in the room between columns, if they are clear there
        last = {name for cell in cells.cells if cell.column == cells.columns - 1 for name in cell.boxes}
        sizes = {
            name: size
            if name in last
            else replace(size, right=box_size(axes, texts.get(name), "", stubs.get(name, ()), up=name in up).right)
            for name, size in sizes.items()
        }
    planned = ways(cells, edges)
    anchors = {cell: _anchor(cell, cells, edges) for cell in cells.cells}
    at = places(cells, sizes, titles, anchors, {}, {})
    drawn = lines(planned, at)
    at = places(cells, sizes, titles, anchors, drawn.columns, drawn.rows)
    drawn = lines(planned, at)
    tops = [at.boxes[name].top(size.along + size.after * (name in up)) for name, size in at.sizes.items()]
    tops += [outline.y for outline in outlines(cells, at, titles, drawn.corners).values()]
    spare = min(*tops, *(v for line in drawn.corners.values() for _, v in line))
    at = places(cells, sizes, titles, anchors, drawn.columns, drawn.rows, spare)
    drawn = lines(planned, at)
    outlined = outlines(cells, at, titles, drawn.corners)
    width, height = axes.page(at.across, at.along)
    result = Geometry(
        width,
        height,
        {name: body(axes, at.sizes[name], at.boxes[name]) for name in closed},
        {name: axes.rectangle(*spot) for name, spot in outlined.items()},
        texts,
        insets(cells, at, outlined),
        {edge: tuple(map(axes.point, without_straight(line))) for edge, line in drawn.corners.items()},
        tuple(shape_label(axes, name, text, at.sizes[name], at.boxes[name]) for name, text in shapes.items()),
        tuple(
            stub
            for name, cut in stubs.items()
            for stub in stub_labels(axes, name, found.stubs[name], cut, at.sizes[name], at.boxes[name])
        ),
        carried,
        (),
        has_u=True,
        is_grid=True,
    )
    return result if are_apart(drawn.corners) and _is_clear(result) else None


def _anchor(cell: Cell, found: Grid, edges: Iterable[Edge]) -> Anchor:
    """Return the first box of a cell that lines along its row lead to, or else the last that they lead from.

    If that box reads no other value, it stands beside the source.
    """
    at = {name: other for other in found.cells for name in other.boxes}
    along = [edge for edge in edges if at[edge.source] is not at[edge.target] and _share_rows(*map(at.get, edge))]
    entered, left = {edge.target for edge in along}, {edge.source for edge in along}
    first = next((name for name in cell.boxes if name in entered), None)
    if first is None:
        return Anchor(next((name for name in reversed(cell.boxes) if name in left), cell.boxes[-1]))
    sources = [edge.source for edge in edges if edge.target == first]
    beside = sources[0] if len(sources) == 1 and not cell.spans and not at[sources[0]].spans else ""
    return Anchor(first, beside)


def _share_rows(one: Cell | None, other: Cell | None) -> bool:
    return one is not None and other is not None and bool({*one.rows} & {*other.rows})


def _is_clear(geometry: Geometry) -> bool:
    """Return whether lines lead through no box, stub or text, and none of these stands on another."""
    texts = [label.rectangle for label in geometry.labels]
    texts += [title for name in geometry.frames for title in _titles(geometry, name)]
    solid = [*geometry.boxes.values(), *(stub.rectangle for stub in geometry.stubs)]
    everything = [*solid, *texts]
    if any(_meet(one, other) for number, one in enumerate(everything) for other in everything[:number]):
        return False
    parts = [pair for line in geometry.lines.values() for pair in pairwise(line)]
    return not any(_meet(_spot(*pair), one) for pair in parts for one in everything)


def _titles(geometry: Geometry, name: str) -> Iterator[Rectangle]:
    """Yield where the words over a frame are."""
    frame, text, (left, right) = geometry.frames[name], geometry.texts[name], geometry.insets[name]
    top, height = frame.y + 5, TITLE
    yield Rectangle(frame.x + left, top, text_width(text.titles[0], TITLE), height)
    if text.note:
        width = plain_width(text.note, NOTE)
        yield Rectangle(frame.x + frame.width - right - width, top, width, height)


def _spot(start: Point, end: Point) -> Rectangle:
    (x, y), (end_x, end_y) = start, end
    return Rectangle(min(x, end_x), min(y, end_y), abs(x - end_x), abs(y - end_y))


def _meet(one: Rectangle, other: Rectangle) -> bool:
    across = one.x < other.x + other.width - _NEAR and other.x < one.x + one.width - _NEAR
    return across and one.y < other.y + other.height - _NEAR and other.y < one.y + one.height - _NEAR


__all__ = ["grid_geometry"]
