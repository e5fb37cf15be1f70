"""What the colours and marks of a figure mean, in rows below it."""

from __future__ import annotations

from collections.abc import Sequence

from ptgraph.drawing.palettes import Palette
from ptgraph.drawing.shapes import Circle, Item, Mark, Rect, Text, circled
from ptgraph.drawing.text_metrics import cut, plain_width
from ptgraph.figure.box_text import LINE_UP, NOTE
from ptgraph.figure.simplify import FigureGraph
from ptgraph.graph.view.model import Box

_SWATCH = 12.0
_TEXT = _SWATCH + 4  # from the left of a swatch to its words
_ROW = 14.0
_BESIDE = 12.0
_MARGIN = 4.0


def legend(
    boxes: Sequence[Box], sketch: FigureGraph, stubs: bool, colors: Palette, top: float, widest: float
) -> tuple[list[Item], float, float]:
    """Return the legend below *top*, how wide it is, at most *widest*, and where it ends; in points at full size."""
    entries: list[tuple[str, str]] = []
    for box in boxes:
        if box.id not in sketch.signs and box.kind == "module" and (box.category, "category") not in entries:
            entries.append((box.category, "category"))
    used = {sketch.signs[box.id] for box in boxes if box.id in sketch.signs}
    entries += [("addition", "plus")] * ("plus" in used) + [("multiplication", "times")] * ("times" in used)
    entries += [("equal blocks, one after the other", "repeat")] * any(box.repeat > 1 for box in boxes)
    entries += [("parameter, or value from elsewhere", "stub")] * stubs
    items = []
    x, y, wide, bottom = _MARGIN, top + _MARGIN, 0.0, top
    for words, what in entries:
        lines = _broken(words, widest - 2 * _MARGIN - _TEXT)
        room = _TEXT + max(plain_width(line, NOTE) for line in lines)
        if x + room + _MARGIN > widest and x > _MARGIN:
            x, y = _MARGIN, bottom + _MARGIN
        marks = _swatch(what, words, x, y, colors)
        for number, line in enumerate(lines):
            marks.append(Text(x + _TEXT, y + 8 + number * NOTE * LINE_UP, line, NOTE, colors.text, "start"))
        items.append(Item(words, "legend", tuple(marks)))
        wide = max(wide, x + room + _MARGIN)
        bottom = max(bottom, y + _ROW - _MARGIN + (len(lines) - 1) * NOTE * LINE_UP)
        x += room + _BESIDE
    return items, wide, bottom + _MARGIN if entries else top


def _broken(words: str, widest: float) -> list[str]:
    """Return *words* in lines that are no wider than that."""
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if lines and plain_width(longer, NOTE) <= widest:
            lines[-1] = longer
        else:
            lines.append(cut(word, NOTE, widest, bold=False))
    return lines


def _swatch(what: str, category: str, x: float, y: float, colors: Palette) -> list[Mark]:
    if what == "category":
        look = colors.style(category)
        return [Rect(x, y + 1, _SWATCH, 9, look.fill, look.border, 0.8, 2)]
    if what == "repeat":
        return [Text(x + _SWATCH / 2, y + 8, "×N", NOTE, colors.text, "middle", True)]
    if what == "stub":
        return [Rect(x, y + 1, _SWATCH, 9, None, colors.line, 0.7, 2, True)]
    circle = Circle(x + _SWATCH / 2, y + 5.5, 4.5, colors.page, colors.text, 0.9)
    return circled("plus" if what == "plus" else "times", circle)


__all__ = ["legend"]
