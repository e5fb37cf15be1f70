"""What the colours and marks of a figure mean, in rows below it."""

from __future__ import annotations

from collections.abc import Sequence

from .boxes import Box
from .drawing import Circle, Item, Mark, Path, Rect, Text
from .marks import NOTE, plain_width
from .sketch import Sketch
from .theme import Palette

_SWATCH = 12.0
_ROW = 14.0


def legend(
    boxes: Sequence[Box], sketch: Sketch, stubs: bool, colors: Palette, scale: float, top: float, widest: float
) -> tuple[list[Item], float, float]:
    """Return the legend below *top*, with its width and height; it is at most *widest* points wide."""
    entries: list[tuple[str, str]] = []
    for box in boxes:
        if box.id not in sketch.signs and box.kind == "module" and (box.category, "category") not in entries:
            entries.append((box.category, "category"))
    used = {sketch.signs[box.id] for box in boxes if box.id in sketch.signs}
    entries += [("addition", "plus")] * ("plus" in used) + [("multiplication", "times")] * ("times" in used)
    entries += [("equal blocks, one after the other", "repeat")] * any(box.repeat > 1 for box in boxes)
    entries += [("parameter, or value from elsewhere", "stub")] * stubs
    items = []
    x, y, wide = 4.0, 4.0, 0.0
    for words, what in entries:
        room = _SWATCH + 4 + plain_width(words, NOTE) + 12
        if x + room > widest / scale and x > 4:
            x, y = 4.0, y + _ROW
        marks = _swatch(what, words, x, y, colors)
        marks.append(Text(x + _SWATCH + 4, y + 8, words, NOTE, colors.text, "start"))
        items.append(Item(words, "legend", tuple(_scaled(m, scale, top) for m in marks)))
        x += room
        wide = max(wide, x)
    return items, wide * scale, (y + _ROW) * scale if entries else 0.0


def _swatch(what: str, category: str, x: float, y: float, colors: Palette) -> list[Mark]:
    middle, line = y + 5.5, colors.line
    if what == "category":
        look = colors.style(category)
        return [Rect(x, y + 1, _SWATCH, 9, look.fill, look.border, 0.8, 2)]
    if what == "repeat":
        return [Text(x + _SWATCH / 2, y + 8, "×N", NOTE, colors.text, "middle", True)]
    if what == "stub":
        return [Rect(x, y + 1, _SWATCH, 9, None, line, 0.7, 2, True)]
    marks: list[Mark] = [Circle(x + 6, middle, 4.5, colors.page, colors.text, 0.9)]
    d = 2.7 if what == "plus" else 2.0
    ends = [((-d, 0), (d, 0)), ((0, -d), (0, d))] if what == "plus" else [((-d, -d), (d, d)), ((-d, d), (d, -d))]
    for one, other in ends:
        corners = (x + 6 + one[0], middle + one[1]), (x + 6 + other[0], middle + other[1])
        marks.append(Path(corners, colors.text, 0.9))
    return marks


def _scaled(mark: Mark, k: float, top: float) -> Mark:
    if isinstance(mark, Rect):
        x, y, w, h = mark.x * k, mark.y * k + top, mark.width * k, mark.height * k
        return Rect(x, y, w, h, mark.fill, mark.stroke, mark.line, mark.radius, mark.dashed)
    if isinstance(mark, Circle):
        return Circle(mark.x * k, mark.y * k + top, mark.radius * k, mark.fill, mark.stroke, mark.line)
    if isinstance(mark, Path):
        return Path(tuple((x * k, y * k + top) for x, y in mark.points), mark.stroke, mark.line)
    return Text(mark.x * k, mark.y * k + top, mark.text, mark.size * k, mark.color, mark.anchor, mark.bold)


__all__ = ["legend"]
