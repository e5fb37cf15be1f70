"""The legend of a figure: what its colours and marks mean, in rows below it."""

from __future__ import annotations

from collections.abc import Sequence

from ptgraph.drawing.palettes import Palette
from ptgraph.drawing.shapes import Circle, Item, Mark, Rect, Text, circled
from ptgraph.drawing.text_metrics import cut, plain_width
from ptgraph.figure.box_text import LINE_UP, NOTE
from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.graph.view.model import Box

_SWATCH = 12.0
_TEXT = _SWATCH + 4  # from the left of a swatch to its text
_ROW = 14.0
_BESIDE = 12.0
_MARGIN = 4.0


def legend(
    boxes: Sequence[Box], figure: FigureGraph, stubs: bool, colors: Palette, top: float, widest: float
) -> tuple[list[Item], float, float]:
    """Return the items of the legend of *boxes*, its width and its lower end.

    It begins at *top*, and is no wider than *widest*; all lengths are in points at full size. *stubs*: there are stubs.
    """
    entries = _entries(boxes, figure, stubs)
    items = []
    x, y, wide, bottom = _MARGIN, top + _MARGIN, 0.0, top
    for label, what in entries:
        lines = _broken(label, widest - 2 * _MARGIN - _TEXT)
        room = _TEXT + max(plain_width(line, NOTE) for line in lines)
        if x + room + _MARGIN > widest and x > _MARGIN:
            x, y = _MARGIN, bottom + _MARGIN
        marks = _swatch(what, label, x, y, colors)
        for number, line in enumerate(lines):
            marks.append(Text(x + _TEXT, y + 8 + number * NOTE * LINE_UP, line, NOTE, colors.text, "start"))
        items.append(Item(label, "legend", tuple(marks)))
        wide = max(wide, x + room + _MARGIN)
        bottom = max(bottom, y + _ROW - _MARGIN + (len(lines) - 1) * NOTE * LINE_UP)
        x += room + _BESIDE
    return items, wide, bottom + _MARGIN if entries else top


def _entries(boxes: Sequence[Box], figure: FigureGraph, stubs: bool) -> list[tuple[str, str]]:
    """Return the entries, each with a label and what its swatch shows."""
    modules = [box.category for box in boxes if box.id not in figure.signs and box.kind in ("module", "stage")]
    found = [(category, "category") for category in dict.fromkeys(modules)]
    signs = {figure.signs[box.id] for box in boxes if box.id in figure.signs}
    if "plus" in signs:
        found.append(("addition", "plus"))
    if "times" in signs:
        found.append(("multiplication", "times"))
    if any(box.repeat > 1 and box.kind != "output" for box in boxes):
        found.append(("equal blocks, one after the other", "repeat"))
    if stubs:
        found.append(("parameter, or value from elsewhere", "stub"))
    return found


def _broken(label: str, widest: float) -> list[str]:
    """Return *label* in lines that are no wider than *widest*."""
    lines: list[str] = []
    for word in label.split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if lines and plain_width(longer, NOTE) <= widest:
            lines[-1] = longer
        else:
            lines.append(cut(word, NOTE, widest, bold=False))
    return lines


def _swatch(what: str, category: str, x: float, y: float, colors: Palette) -> list[Mark]:
    if what == "category":
        style = colors.style(category)
        return [Rect(x, y + 1, _SWATCH, 9, style.fill, style.border, 0.8, 2)]
    if what == "repeat":
        return [Text(x + _SWATCH / 2, y + 8, "×N", NOTE, colors.text, "middle", True)]
    if what == "stub":
        return [Rect(x, y + 1, _SWATCH, 9, None, colors.line, 0.7, 2, True)]
    circle = Circle(x + _SWATCH / 2, y + 5.5, 4.5, colors.page, colors.text, 0.9)
    return circled("plus" if what == "plus" else "times", circle)


__all__ = ["legend"]
