"""ModelGraph → its figure, as a drawing: the one that a careful author would have drawn."""

from __future__ import annotations

from dataclasses import replace

from ptgraph.common.messages import listed
from ptgraph.drawing.palettes import Palette, palette
from ptgraph.drawing.shapes import Anchor, Circle, Drawing, Item, Mark, Path, Rect, Text, circled, scaled, slug
from ptgraph.drawing.text_metrics import text_width
from ptgraph.figure.box_text import APART, LINE_UP, NOTE, TITLE
from ptgraph.figure.fit_to_page import Fitted, fit
from ptgraph.figure.focus import focused
from ptgraph.figure.layout.axes import Rectangle
from ptgraph.figure.legend import legend
from ptgraph.figure.options import FigureOptions, points
from ptgraph.figure.simplify import FigureGraph, sketch
from ptgraph.graph.labels import count_text, shape_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from ptgraph.graph.view.model import Box

_LEGEND = 220.0  # points that a legend may be wide, even below a figure that is less
_STACKED = 2.0  # how far the paper below looks out, where a box stands for several


def figure(graph: ModelGraph, options: FigureOptions | None = None, depth: int | None = None) -> Drawing:
    """Return the figure of *graph*, with at most *depth* levels of modules open (None: as many as stay readable).

    Raises UsageError if the focus of *options* names nothing in the graph.
    """
    options = options or FigureOptions()
    whole = sketch(graph, view(graph))
    shown = focused(whole, graph, options.focus) if options.focus else whole
    return _Figure(graph, options, depth, shown).drawing()


class _Figure:
    def __init__(self, graph: ModelGraph, options: FigureOptions, depth: int | None, sketch: FigureGraph) -> None:
        self.graph = graph
        self.options = options
        self.sketch = sketch
        self.colors: Palette = palette(options.theme)
        self.fitted: Fitted = fit(sketch, graph, depth, options)
        self.ids: dict[str, str] = {}
        self.taken: set[str] = set()

    def drawing(self) -> Drawing:
        geometry = self.fitted.geometry
        items = [*self._frames(), *self._edges(), *self._stubs(), *self._boxes(), *self._labels()]
        width, height, scale = geometry.width, geometry.height, self.fitted.scale
        if self.options.legend:
            shown = [self.sketch.boxes[name] for name in [*geometry.frames, *geometry.boxes]]
            widest = min(points(self.options.width) / scale, max(width, _LEGEND))
            below, wide, height = legend(shown, self.sketch, bool(geometry.stubs), self.colors, height, widest)
            items += below
            width = max(width, wide)
        return Drawing(
            round(width * scale, 2),
            round(height * scale, 2),
            tuple(replace(item, marks=tuple(scaled(mark, scale) for mark in item.marks)) for item in items),
            self.options.font,
            self._title(),
            self._description(),
            self.colors.page,
        )

    def _title(self) -> str:
        name = self.graph.name + (f", {self.options.focus}" if self.options.focus else "")
        if self.graph.is_pipeline:
            return name
        return f"{name}: {count_text(self.graph.component(self.options.focus or '').total_params)} parameters"

    def _description(self) -> str:
        """Return a sentence for those who do not see the figure."""
        root = self.sketch.boxes[self.sketch.root]
        names = [self._name(self.sketch.boxes[part]) for part in root.parts if part not in self.sketch.signs]
        flow = {"TB": "from top to bottom", "LR": "from left to right"}[self.fitted.direction]
        return f"A diagram that flows {flow}: {listed(names)}." if names else "A diagram of nothing."

    def _name(self, box: Box) -> str:
        has_class = box.kind == "module" and box.subtitle and not self.graph.is_pipeline
        words = f"{box.title} ({box.subtitle})" if has_class else box.title
        return f"{words}, {box.repeat} times" if box.repeat > 1 else words

    def _id(self, box: str) -> str:
        """Return the id of the item of a box: its path, or the name of its operation."""
        if box not in self.ids:
            name = wanted = box.removeprefix("/") or "model"
            number = 2
            while name in self.taken:
                name, number = f"{wanted}-{number}", number + 1
            self.ids[box] = name
            self.taken.add(name)
        return self.ids[box]

    def _what(self, box: Box) -> str:
        """Return what a reader hears of a box."""
        words = [box.component if box.kind == "module" and box.repeat == 1 and box.component else box.title]
        words[0] += f" ×{box.repeat}" if box.repeat > 1 else ""
        words += [box.subtitle] * bool(box.subtitle)
        words += [f"{count_text(box.params)} params"] * bool(box.params)
        words += [f"{count_text(box.flops)} FLOPs"] * bool(box.flops)
        if box.op in self.graph.ops and box.kind == "op":
            op = self.graph.op(str(box.op))
            words[0] = f"{op.scope}: {op.target}" if op.scope else op.target
            words += [f"gives {shape_text(op.shape)}"] * bool(op.shape)
        return f"{words[0]}: {', '.join(words[1:])}" if len(words) > 1 else words[0]

    def _frames(self) -> list[Item]:
        found = []
        for name, spot in self.fitted.geometry.frames.items():
            box, written = self.sketch.boxes[name], self.fitted.geometry.written[name]
            look = self.colors.frame(box.category)
            marks: list[Mark] = [Rect(*spot, look.fill, look.border, radius=5.0)]
            if box.repeat > 1:
                marks.insert(0, Rect(*_moved(spot), look.fill, look.border, radius=5.0))
            base = spot.y + 5 + TITLE * 0.75
            marks.append(self._text(spot.x + 6, base, written.titles[0], TITLE, "start", bold=True))
            end = spot.x + spot.width - 6
            if box.repeat > 1:
                times = f"×{box.repeat}"
                marks.append(self._text(end, base, times, TITLE, "end", bold=True))
                end -= text_width(times, TITLE) + APART
            if written.note:
                marks.append(self._text(end, base, written.note, NOTE, "end"))
            found.append(Item(self._id(name), f"frame {slug(box.category)}", tuple(marks), self._what(box)))
        return found

    def _boxes(self) -> list[Item]:
        found = []
        for name, spot in self.fitted.geometry.boxes.items():
            box = self.sketch.boxes[name]
            look = self.colors.style(box.category)
            marks: list[Mark] = []
            kind = box.kind
            if name in self.sketch.signs:
                sign, radius = self.sketch.signs[name], spot.width / 2
                circle = Circle(spot.x + radius, spot.y + radius, radius, self.colors.page, self.colors.text, 0.9)
                found.append(Item(self._id(name), f"sign {sign}", tuple(circled(sign, circle)), self._what(box)))
                continue
            line = 1.2 if kind in ("input", "output") else 0.8
            if box.repeat > 1:
                marks.append(Rect(*_moved(spot), look.fill, look.border, line, 3.0))
            radius = spot.height / 2 if kind in ("input", "output") else 3.0
            marks.append(Rect(*spot, look.fill, look.border, line, min(radius, 9.0)))
            marks += self._words(name, spot)
            found.append(Item(self._id(name), f"box {kind} {slug(box.category)}", tuple(marks), self._what(box)))
        return found

    def _words(self, name: str, spot: Rectangle) -> list[Mark]:
        written = self.fitted.geometry.written[name]
        plain = self.sketch.boxes[name].kind == "op"
        middle = spot.x + spot.width / 2
        lines = [(title, TITLE) for title in written.titles] + [(written.note, NOTE)] * bool(written.note)
        high = sum(size * LINE_UP for _, size in lines)
        at = spot.y + (spot.height - high) / 2
        marks: list[Mark] = []
        for number, (text, size) in enumerate(lines):
            bold = not plain and number < len(written.titles)
            marks.append(self._text(middle, at + size * 0.93, text, size, "middle", bold=bold))
            at += size * LINE_UP
        return marks

    def _edges(self) -> list[Item]:
        found = []
        for edge, line in self.fitted.geometry.lines.items():
            path = Path(line, self.colors.line, 0.9, 4.0, arrow=True)
            source, target = self._id(edge.source), self._id(edge.target)
            shape = self.fitted.geometry.shapes.get(edge.source, "")
            title = f"{source} to {target}" + (f": {shape}" if shape else "")
            found.append(Item(f"{source}→{target}", "edge", (path,), title))
        return found

    def _stubs(self) -> list[Item]:
        found = []
        for number, stub in enumerate(self.fitted.geometry.stubs):
            color = self.colors.line
            rect = Rect(*stub.rectangle, self.colors.page, color, 0.7, 4.0, dashed=True)
            line = Path(stub.line, color, 0.7, dashed=True)
            spot = stub.rectangle
            middle, base = spot.x + spot.width / 2, spot.y + spot.height / 2 + NOTE * 0.34
            text = self._text(middle, base, stub.text, NOTE, "middle")
            reader = self._id(stub.box)
            title = f"{stub.name}, read by {reader}"
            found.append(Item(f"{reader}←{number}", "stub", (line, rect, text), title))
        return found

    def _labels(self) -> list[Item]:
        found = []
        for label in self.fitted.geometry.labels:
            inner = self.sketch.boxes[label.source].parent or self.sketch.root
            framed = inner in self.fitted.geometry.frames
            halo = self.colors.frame(self.sketch.boxes[inner].category).fill if framed else self.colors.page
            base = label.rectangle.y + label.rectangle.height / 2 + NOTE * 0.34
            text = self._text(label.rectangle.x, base, label.text, NOTE, "start", halo=halo)
            found.append(Item(f"{self._id(label.source)}→", "label", (text,)))
        return found

    def _text(
        self, x: float, y: float, text: str, size: float, anchor: Anchor, *, bold: bool = False, halo: str | None = None
    ) -> Text:
        color = self.colors.muted if size == NOTE else self.colors.text
        return Text(x, y, text, size, color, anchor, bold, False, halo)


def _moved(spot: Rectangle) -> Rectangle:
    return spot._replace(x=spot.x + _STACKED, y=spot.y + _STACKED)


__all__ = ["figure"]
