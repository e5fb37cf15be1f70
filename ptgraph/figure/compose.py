"""ModelGraph → its figure, as a drawing: the one that a careful author would have drawn."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ptgraph.common.messages import listed
from ptgraph.common.unique import unique
from ptgraph.drawing.palettes import Palette, palette
from ptgraph.drawing.shapes import Anchor, Circle, Drawing, Item, Mark, Path, Rect, Text, circled, scaled, slug
from ptgraph.drawing.text_metrics import cut, text_width
from ptgraph.errors import PtgraphWarning
from ptgraph.figure.box_text import APART, LINE_UP, NOTE, TITLE
from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.fit_to_page import LEAST, Fitted, fit
from ptgraph.figure.focus import focused
from ptgraph.figure.layout.axes import Rectangle
from ptgraph.figure.layout.layout import Geometry
from ptgraph.figure.layouts import Layouts
from ptgraph.figure.legend import legend
from ptgraph.figure.options import FigureOptions, points
from ptgraph.figure.output_brackets import is_bracket
from ptgraph.figure.page_columns import continued
from ptgraph.figure.page_cuts import RADIUS
from ptgraph.figure.shortfalls import shortfalls
from ptgraph.figure.simplify import simplify
from ptgraph.figure.stages import in_stages
from ptgraph.graph.dimensions import dimensions_text
from ptgraph.graph.labels import count_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from ptgraph.graph.view.model import Box

_LEGEND = 220.0  # points that a legend may be wide, even below a figure that is less
_STACKED = 2.0  # points between a box that stands for several and the sheet below it
_BASELINE = 0.34  # from the middle of a line of text down to its baseline, in sizes of text


def figure(graph: ModelGraph, options: FigureOptions | None = None, depth: int | None = None) -> Drawing:
    """Return the figure of *graph*, with at most *depth* levels of modules open (None: as many as stay readable).

    Warns of what was asked for and does not fit. Raises UsageError if the focus of *options* names no module of the
    graph, or one that a figure does not show.
    """
    options = options or FigureOptions()
    plain = _layouts(graph, options, closely=False)
    fitted = fit(plain, depth, options)
    for closer in _with_fewer_boxes(plain, graph, options) if depth is None else ():
        if _height(fitted) <= points(options.highest) + 0.1 and fitted.scale >= LEAST:
            break
        lower = fit(closer, depth, options)
        if (lower.scale < LEAST, _height(lower)) < (fitted.scale < LEAST, _height(fitted)):
            plain, fitted = closer, lower
    for shortfall in shortfalls(plain, depth, options, fitted):
        warnings.warn(PtgraphWarning(f"figure of {graph.name}: {shortfall}"), stacklevel=2)
    drawn = plain.drawn(fitted.opened)
    return _Composition(graph, options, drawn, palette(options.theme), fitted, _ids(fitted.geometry)).drawing()


def _layouts(graph: ModelGraph, options: FigureOptions, *, closely: bool) -> Layouts:
    """Return the layouts of what a figure of *graph* shows, with small operations joined *closely* or not."""
    whole = simplify(graph, view(graph), closely=closely)
    shown = focused(whole, graph, options.focus) if options.focus else whole
    return Layouts(shown, graph, options.layout)


def _with_fewer_boxes(plain: Layouts, graph: ModelGraph, options: FigureOptions) -> Iterator[Layouts]:
    """Yield the layouts with stages, and those in which small operations are joined more closely, too."""
    yield Layouts(in_stages(plain.figure, graph), graph, options.layout)
    closer = _layouts(graph, options, closely=True)
    yield Layouts(in_stages(closer.figure, graph), graph, options.layout)


def _height(fitted: Fitted) -> float:
    """Return the height in points of a figure as it is set."""
    return fitted.geometry.height * fitted.scale


def _ids(geometry: Geometry) -> dict[str, str]:
    """Return the id of the item of each box: its path, or the name of its operation."""
    ends = (box for edge in geometry.lines for box in edge)
    found: dict[str, str] = {}
    taken: set[str] = set()
    for box in dict.fromkeys([*geometry.frames, *ends, *(stub.box for stub in geometry.stubs), *geometry.boxes]):
        found[box] = unique(box.removeprefix("/") or "model", taken, "{name}-{number}")
        taken.add(found[box])
    return found


@dataclass(frozen=True)
class _Composition:
    """A figure that is laid out, the colours of its theme, and the ids of the items of boxes."""

    graph: ModelGraph
    options: FigureOptions
    figure: FigureGraph
    colors: Palette
    fitted: Fitted
    ids: dict[str, str]

    def drawing(self) -> Drawing:
        geometry = self.fitted.geometry
        items = [*self._frames(), *self._edges(), *self._stubs(), *self._boxes(), *self._labels()]  # the lowest first
        items += self._connectors()
        width, height, scale = geometry.width, geometry.height, self.fitted.scale
        if self.options.legend:
            shown = [self.figure.boxes[name] for name in [*geometry.frames, *geometry.boxes]]
            widest = min(points(self.options.width) / scale, max(width, _LEGEND))
            below, wide, height = legend(shown, self.figure, bool(geometry.stubs), self.colors, height, widest)
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
        if not self.graph.kind.classes:
            return name
        return f"{name}: {count_text(self.graph.component(self.options.focus or '').total_params)} parameters"

    def _description(self) -> str:
        """Return the figure in one sentence, for screen readers."""
        root = self.figure.boxes[self.figure.root]
        names = [self._name(self.figure.boxes[part]) for part in root.parts if part not in self.figure.signs]
        flow = {"TB": "from top to bottom", "LR": "from left to right"}[self.fitted.direction]
        return f"A diagram that flows {flow}: {listed(names)}." if names else "A diagram of nothing."

    def _name(self, box: Box) -> str:
        has_class = box.kind == "module" and box.subtitle and self.graph.kind.classes
        name = f"{box.title} ({box.subtitle})" if has_class else box.title
        return f"{name}, {box.repeat} times" if box.repeat > 1 else name

    def _item_title(self, box: Box) -> str:
        """Return the text of a box for screen readers and tooltips."""
        name = box.component if box.kind == "module" and box.repeat == 1 and box.component else box.title
        name += f" ×{box.repeat}" if box.repeat > 1 else ""
        notes = [self.figure.boxes[part].title for part in box.parts] if is_bracket(box) else []
        notes += [box.subtitle] if box.subtitle and (not notes or box.repeat > 1) else []
        if box.params:
            notes.append(f"{count_text(box.params)} params")
        if box.flops:
            notes.append(f"{count_text(box.flops)} FLOPs")
        if box.op in self.graph.ops and box.kind == "op":
            op = self.graph.op(str(box.op))
            name = f"{op.scope}: {op.target}" if op.scope else op.target
            if op.shape:
                notes.append(f"gives {dimensions_text(op.shape)}")
        return f"{name}: {', '.join(notes)}" if notes else name

    def _frames(self) -> list[Item]:
        found = []
        for name, rectangle in self.fitted.geometry.frames.items():
            box, text = self.figure.boxes[name], self.fitted.geometry.texts[name]
            style = self.colors.frame(box.category)
            marks: list[Mark] = [Rect(*rectangle, style.fill, style.border, radius=5.0)]
            if box.repeat > 1:
                marks.insert(0, Rect(*_moved(rectangle), style.fill, style.border, radius=5.0))
            base = rectangle.y + 5 + TITLE * 0.75
            left, right = self.fitted.geometry.insets[name]
            end = rectangle.x + rectangle.width - right
            marks.append(self._text(rectangle.x + left, base, text.titles[0], TITLE, "start", bold=True))
            if box.repeat > 1:
                times = f"×{box.repeat}"
                marks.append(self._text(end, base, times, TITLE, "end", bold=True))
                end -= text_width(times, TITLE) + APART
            if text.note:
                marks.append(self._text(end, base, text.note, NOTE, "end"))
            found.append(Item(self.ids[name], f"frame {slug(box.category)}", tuple(marks), self._item_title(box)))
            for number, part in enumerate(self.fitted.geometry.frame_parts.get(name, ()), 2):
                title = cut(continued(text.titles[0]), TITLE, part.width - 2 * APART)
                base = part.y + 5 + TITLE * 0.75
                words = self._text(part.x + 6, base, title, TITLE, "start", bold=True)
                part_marks = Rect(*part, style.fill, style.border, radius=5.0), words
                kind = f"frame {slug(box.category)}"
                found.append(Item(f"{self.ids[name]}, part {number}", kind, part_marks, self._item_title(box)))
        return found

    def _boxes(self) -> list[Item]:
        found = []
        for name, rectangle in self.fitted.geometry.boxes.items():
            box = self.figure.boxes[name]
            if name in self.figure.signs:
                sign, radius = self.figure.signs[name], rectangle.width / 2
                center = rectangle.x + radius, rectangle.y + radius
                marks = circled(sign, Circle(*center, radius, self.colors.page, self.colors.text, 0.9))
                kind = f"sign {sign}"
            else:
                marks = [*self._sheets(box, rectangle), *self._box_text(box, rectangle)]
                kind = f"box {box.kind} {slug(box.category)}"
            found.append(Item(self.ids[name], kind, tuple(marks), self._item_title(box)))
        return found

    def _sheets(self, box: Box, rectangle: Rectangle) -> list[Mark]:
        """Return the rectangle of a box, above a second one where the box stands for several."""
        style = self.colors.style(box.category)
        is_end = box.kind in ("input", "output")
        line = 1.2 if is_end else 0.8
        radius = min(rectangle.height / 2 if is_end else 3.0, 9.0)
        sheet: Mark = Rect(*rectangle, style.fill, style.border, line, radius)
        if box.repeat > 1 or is_bracket(box):
            return [Rect(*_moved(rectangle), style.fill, style.border, line, radius), sheet]
        return [sheet]

    def _box_text(self, box: Box, rectangle: Rectangle) -> list[Mark]:
        found = self.fitted.geometry.texts[box.id]
        lines = [(title, TITLE, box.kind != "op") for title in found.titles]
        if found.note:
            lines.append((found.note, NOTE, False))
        height = sum(size * LINE_UP for _, size, _ in lines)
        top = rectangle.y + (rectangle.height - height) / 2
        marks: list[Mark] = []
        for text, size, bold in lines:
            x, y = rectangle.x + rectangle.width / 2, top + size * 0.93
            marks.append(self._text(x, y, text, size, "middle", bold=bold))
            top += size * LINE_UP
        return marks

    def _edges(self) -> list[Item]:
        found = []
        for edge, line in self.fitted.geometry.lines.items():
            starts = self.fitted.geometry.line_starts.get(edge, ())
            paths = [Path(start, self.colors.line, 0.9, 4.0) for start in starts]
            paths.append(Path(line, self.colors.line, 0.9, 4.0, arrow=True))
            source, target = self.ids[edge.source], self.ids[edge.target]
            shape = self.fitted.geometry.shapes.get(edge.source, "")
            title = f"{source} to {target}" + (f": {shape}" if shape else "")
            found.append(Item(f"{source}→{target}", "edge", tuple(paths), title))
        return found

    def _stubs(self) -> list[Item]:
        found = []
        for number, stub in enumerate(self.fitted.geometry.stubs):
            color = self.colors.line
            x, y, width, height = stub.rectangle
            rect = Rect(*stub.rectangle, self.colors.page, color, 0.7, 4.0, dashed=True)
            line = Path(stub.line, color, 0.7, dashed=True)
            text = self._text(x + width / 2, y + height / 2 + NOTE * _BASELINE, stub.text, NOTE, "middle")
            reader = self.ids[stub.box]
            title = f"{stub.name}, read by {reader}"
            found.append(Item(f"{reader}←{number}", "stub", (line, rect, text), title))
        return found

    def _labels(self) -> list[Item]:
        found = []
        for label in self.fitted.geometry.labels:
            inner = self.figure.boxes[label.source].parent or self.figure.root
            framed = inner in self.fitted.geometry.frames
            halo = self.colors.frame(self.figure.boxes[inner].category).fill if framed else self.colors.page
            base = label.rectangle.y + label.rectangle.height / 2 + NOTE * _BASELINE
            text = self._text(label.rectangle.x, base, label.text, NOTE, "start", halo=halo)
            found.append(Item(f"{self.ids[label.source]}→", "label", (text,)))
        return found

    def _connectors(self) -> list[Item]:
        found: list[Item] = []
        taken: set[str] = set()
        for number, (x, y), begins in self.fitted.geometry.connectors:
            circle = Circle(x, y, RADIUS, self.colors.page, self.colors.line, 0.7)
            text = self._text(x, y + NOTE * _BASELINE, str(number), NOTE, "middle")
            name = unique(f"from {number}" if begins else f"to {number}", taken, "{name}, {number}")
            taken.add(name)
            title = f"comes from {number}" if begins else f"goes on at {number}"
            found.append(Item(name, "connector", (circle, text), title))
        return found

    def _text(
        self, x: float, y: float, text: str, size: float, anchor: Anchor, *, bold: bool = False, halo: str | None = None
    ) -> Text:
        color = self.colors.muted if size == NOTE else self.colors.text
        return Text(x, y, text, size, color, anchor, bold, False, halo)


def _moved(rectangle: Rectangle) -> Rectangle:
    return rectangle._replace(x=rectangle.x + _STACKED, y=rectangle.y + _STACKED)


__all__ = ["figure"]
