"""A sketch and what of it is open → where everything of a figure stands: boxes, frames, lines, labels and stubs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ptgraph.drawing.text_metrics import plain_width, text_width
from ptgraph.figure.box_text import (
    APART,
    BROAD,
    LINE_UP,
    NOTE,
    RADIUS,
    STUB_AWAY,
    STUB_HEIGHT,
    TITLE,
    Written,
    box_text,
    frame_text,
    short,
)
from ptgraph.figure.layout.orthogonal_routes import Routes
from ptgraph.figure.layout.placement import Placing
from ptgraph.figure.layout.routing_plan import Edge, plan
from ptgraph.figure.layout.sizes import Item
from ptgraph.figure.options import Direction, Shown
from ptgraph.figure.simplify import FigureGraph
from ptgraph.graph.labels import shape_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import Box

_MARGIN = 4.0
_CLEAR = 4.0  # between the words over a frame and a line that leads past them


class Spot(NamedTuple):
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float


class Stub(NamedTuple):
    """What a box reads that is not drawn as a line: its label, which may be cut, and the line to its box."""

    box: str
    whole: str
    text: str
    spot: Spot
    line: tuple[tuple[float, float], ...]


class Label(NamedTuple):
    """The shape of a value, beside its line: the box that it comes from, and the place of the text."""

    source: str
    text: str
    spot: Spot


@dataclass(frozen=True)
class Geometry:
    """Where everything stands, in points, and how large it is together."""

    width: float
    height: float
    boxes: dict[str, Spot]
    frames: dict[str, Spot]
    written: dict[str, Written]
    lines: dict[Edge, tuple[tuple[float, float], ...]]
    labels: tuple[Label, ...]
    stubs: tuple[Stub, ...]
    shapes: dict[str, str]
    columns: tuple[tuple[str, str], ...]  # an encoder and its decoder


class _Laying:
    def __init__(
        self,
        sketch: FigureGraph,
        graph: ModelGraph,
        opened: set[str],
        direction: Direction,
        show: Sequence[Shown],
        broad: float,
    ) -> None:
        self.sketch = sketch
        self.graph = graph
        self.down = direction == "TB"
        self.seen = sketch.visible(opened)
        self.plan = plan(sketch, opened)
        self.frames = [name for name in self.plan.scopes if name != sketch.root]
        self.written = {n: box_text(graph, sketch.boxes[n], show, broad) for n in self.seen if n not in sketch.signs}
        self.labels = self._labels() if "shapes" in show else {}
        self.written |= {n: frame_text(sketch.boxes[n], broad) for n in self.frames}
        self.stub_texts = {n: [short(word, broad) for word in words] for n, words in self.plan.stubs.items()}
        items = {name: self._box(name) for name in self.seen}
        for name in self.frames:
            items[name] = self._frame(sketch.boxes[name])
        self.items = items
        self.placing = Placing(self.plan, sketch.root, items, title_first=self.down)

    def _labels(self) -> dict[str, str]:
        """Return the shapes that are told: those of values of another shape than what their box reads."""
        shapes = {source: self._shape(source) or label for source, label in self.plan.labels.items()}
        reads: dict[str, set[str]] = {}
        for source, target in self.plan.edges:
            reads.setdefault(target, set()).update((shapes[source], self.plan.labels[source]))
        found = {}
        for source, label in self.plan.labels.items():
            told = shapes[source]
            if told and self.sketch.boxes[source].kind != "input" and not reads.get(source, set()) & {told, label}:
                found[source] = told
        return found

    def _shape(self, name: str) -> str:
        """Return the shape of what a box yields; of a module that runs more than once, only its operations know it."""
        box = self.sketch.boxes[name]
        if box.op is not None and box.op in self.graph.ops:
            return shape_text(self.graph.op(box.op).shape)
        component = self.graph.component(box.component) if box.kind == "module" else None
        return shape_text(component.shape) if component is not None and component.calls == 1 else ""

    def _box(self, name: str) -> Item:
        if name in self.sketch.signs:
            item = Item(2 * RADIUS, 2 * RADIUS, RADIUS, RADIUS, round=True)
        else:
            text = self.written[name]
            across, along = (text.width, text.height) if self.down else (text.height, text.width)
            item = Item(across, along, across / 2, across / 2)
        if name in self.labels:
            wide, high = plain_width(self.labels[name], NOTE) + 4, NOTE * LINE_UP
            item.after = high if self.down else wide
            item.right = max(item.right, wide if self.down else high + 2)
        texts = self.stub_texts.get(name, ())
        if texts:
            item.left += STUB_AWAY + self._stub_across(texts)
            stack = self._stub_along(texts)
            if item.round:  # it keeps its form; what follows makes room
                item.after = max(item.after, stack - item.along)
            else:
                item.along = max(item.along, stack)
        return item

    def _stub_across(self, texts: Sequence[str]) -> float:
        if self.down:
            return max(plain_width(text, NOTE) for text in texts) + 8
        return STUB_HEIGHT * len(texts) + 2 * (len(texts) - 1)

    def _stub_along(self, texts: Sequence[str]) -> float:
        if self.down:
            return STUB_HEIGHT * len(texts) + 2 * (len(texts) - 1)
        return max(plain_width(text, NOTE) for text in texts) + 8

    def _frame(self, box: Box) -> Item:
        written = self.written[box.id]
        lead = text_width(written.titles[0], TITLE)
        trail = plain_width(written.note, NOTE) + (text_width(f"×{box.repeat}", TITLE) + APART if box.repeat > 1 else 0)
        return Item(0.0, 0.0, before=TITLE * LINE_UP + 2, title=(lead + _CLEAR, trail + _CLEAR))

    def finish(self) -> Geometry:
        placing = self.placing
        boxes = {name: self._spot_of(name) for name in self.seen}
        frames = {}
        for name in self.frames:
            item = self.items[name]
            frames[name] = self._spot(item.u - item.left, item.v, item.left + item.right, item.along)
        routes = Routes(placing)
        lines = {edge: tuple(map(self._point, routes.way(edge))) for edge in self.plan.edges}
        width, height = (placing.width, placing.length) if self.down else (placing.length, placing.width)
        return Geometry(
            round(width + 2 * _MARGIN, 2),
            round(height + 2 * _MARGIN, 2),
            boxes,
            frames,
            self.written,
            lines,
            tuple(self._label(name, text) for name, text in self.labels.items()),
            tuple(stub for name in self.stub_texts for stub in self._stubs(name)),
            self.plan.labels,
            tuple((leg.source, leg.target) for leg in self.plan.crossing() if leg.source and leg.target),
        )

    def _point(self, point: tuple[float, float]) -> tuple[float, float]:
        u, v = point
        x, y = (u, v) if self.down else (v, u)
        return round(x + _MARGIN, 2), round(y + _MARGIN, 2)

    def _spot(self, u: float, v: float, across: float, along: float) -> Spot:
        x, y = self._point((u, v))
        return Spot(x, y, *(round(n, 2) for n in ((across, along) if self.down else (along, across))))

    def _spot_of(self, name: str) -> Spot:
        item = self.items[name]
        return self._spot(item.u - item.across / 2, item.v, item.across, item.along)

    def _label(self, name: str, text: str) -> Label:
        item = self.items[name]
        wide, high = plain_width(text, NOTE), NOTE * LINE_UP
        at = item.v + item.along
        if self.down:
            return Label(name, text, self._spot(item.u + 3, at + 1, wide, high - 1))
        return Label(name, text, self._spot(item.u + 1.5, at + 2, high - 1, wide))

    def _stubs(self, name: str) -> list[Stub]:
        item, texts = self.items[name], self.stub_texts[name]
        middle = item.v + item.along / 2
        found = []
        at = middle - self._stub_along(texts) / 2
        edge = item.u - item.across / 2
        for number, text in enumerate(texts):
            wide = plain_width(text, NOTE) + 8
            if self.down:
                spot = self._spot(edge - STUB_AWAY - wide, at + number * (STUB_HEIGHT + 2), wide, STUB_HEIGHT)
                v = at + number * (STUB_HEIGHT + 2) + STUB_HEIGHT / 2
                line = (edge - STUB_AWAY, v), (edge, v)
            else:
                u = edge - STUB_AWAY - number * (STUB_HEIGHT + 2)
                begin = item.v if item.round else middle - wide / 2
                spot = self._spot(u - STUB_HEIGHT, begin, STUB_HEIGHT, wide)
                line = (u, middle), (edge if number == 0 else u + 2, middle)
            found.append(Stub(name, self.plan.stubs[name][number], text, spot, tuple(map(self._point, line))))
        return found


def geometry(
    sketch: FigureGraph,
    graph: ModelGraph,
    opened: set[str],
    direction: Direction,
    show: Sequence[Shown],
    broad: float = BROAD,
) -> Geometry:
    """Return where everything stands in a figure of *sketch* in which the boxes *opened* are frames.

    Titles of boxes that are broader than *broad* are set in two lines.
    """
    return _Laying(sketch, graph, opened, direction, show, broad).finish()


__all__ = ["Geometry", "Label", "Spot", "Stub", "geometry"]
