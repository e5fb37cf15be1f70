"""A drawing → SVG, with text as text and no script.

One style sheet has the appearance of all marks, by kind of item, so that CSS or Inkscape can restyle them:
``.attention rect``, ``.edge path``. All ids start with the name of the figure, so that one HTML page can hold several.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from math import dist

from ptgraph.common.unique import unique
from ptgraph.drawing.palettes import FALLBACKS, FONT
from ptgraph.drawing.shapes import (
    ARROW_LENGTH,
    ARROW_WIDTH,
    Circle,
    Drawing,
    Item,
    Mark,
    Path,
    Rect,
    Text,
    appearance,
    appearances,
    class_names,
)
from ptgraph.drawing.text import clean, number

_TAGS = {Rect: "rect", Circle: "circle", Path: "path", Text: "text"}


def write(drawing: Drawing, name: str) -> str:
    """Return the SVG text of *drawing*; its size is in points."""
    prefix = re.sub(r"^(?![A-Za-z])", "figure-", identifier(name).replace(".", "-")).rstrip("-")
    marks = (mark for item in drawing.items for mark in item.marks)
    strokes = dict.fromkeys(mark.stroke for mark in marks if isinstance(mark, Path) and mark.arrow)
    arrows = {stroke: f"{prefix}-arrow-{number}" for number, stroke in enumerate(strokes, 1)}
    return "\n".join([*_Writer(drawing, prefix, arrows, appearances(drawing)).lines(), ""])


@dataclass(frozen=True)
class _Writer:
    """A drawing, the beginning of all its ids, the id of the head of arrows of each colour, and all appearances."""

    drawing: Drawing
    name: str
    arrows: dict[str, str]
    appearances: dict[tuple[str, Mark], int]

    def lines(self) -> Iterator[str]:
        drawing, name = self.drawing, self.name
        width, height = number(drawing.width), number(drawing.height)
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" '
            f'role="img" aria-labelledby="{name}-title {name}-desc" '
            f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}">'
        )
        yield f'<title id="{name}-title">{text(drawing.title)}</title>'
        yield f'<desc id="{name}-desc">{text(drawing.description)}</desc>'
        yield "<style>"
        yield from self.rules()
        yield "</style>"
        if self.arrows:
            yield "<defs>"
            yield from (_arrow(id, stroke) for stroke, id in self.arrows.items())
            yield "</defs>"
        yield f'<rect class="background" width="{width}" height="{height}" fill="{drawing.background}"/>'
        for item, id in zip(drawing.items, self.item_ids(), strict=True):
            yield from self.group(item, id)
        yield "</svg>"

    def rules(self) -> Iterator[str]:
        """Yield the style sheet: each appearance once, after the selectors of all marks that have it."""
        selectors: dict[str, list[str]] = defaultdict(list)
        for (kind, mark), nth in self.appearances.items():
            classes = "".join(f".{word}" for word in class_names(kind))
            last = f".look-{nth}" if nth > 1 else ""
            selectors[self.css(mark)].append(f"#{self.name} {classes} {_TAGS[type(mark)]}{last}")
        yield f"#{self.name} text{{font-family:{families(self.drawing.font)};white-space:pre}}"
        for css, those in selectors.items():
            yield f"{','.join(those)}{{{css}}}"

    def css(self, mark: Mark) -> str:
        """Return the appearance of a mark as CSS, with defaults too, since another rule may hold for the same mark."""
        if isinstance(mark, Text):
            weight, slant = "bold" if mark.bold else "normal", "italic" if mark.italic else "normal"
            halo = f"paint-order:stroke;stroke:{mark.halo};stroke-width:3;stroke-linejoin:round"
            return (
                f"fill:{mark.color};font-size:{number(mark.size)}px;font-weight:{weight};font-style:{slant};"
                f"text-anchor:{mark.anchor};{halo if mark.halo else 'stroke:none'}"
            )
        fill = "none" if isinstance(mark, Path) else mark.fill or "none"
        css = f"fill:{fill};stroke:{mark.stroke or 'none'};stroke-width:{number(mark.line)}"
        if isinstance(mark, Circle):
            return css
        css += f";stroke-dasharray:{'3 2' if mark.dashed else 'none'}"
        if isinstance(mark, Rect):
            return css
        return f"{css};marker-end:{f'url(#{self.arrows[mark.stroke]})' if mark.arrow else 'none'}"

    def group(self, item: Item, id: str) -> Iterator[str]:
        yield f'<g id="{id}" class="{" ".join(class_names(item.kind))}">'
        if item.title:
            yield f"<title>{text(item.title)}</title>"
        for mark in item.marks:
            tag = _TAGS[type(mark)]
            nth = self.appearances[item.kind, appearance(mark)]
            yield f'<{tag} class="look-{nth}" {_shape(mark)}' if nth > 1 else f"<{tag} {_shape(mark)}"
        yield "</g>"

    def item_ids(self) -> list[str]:
        """Return the id of each item, by its kind and its own id; those that would be the same are numbered."""
        found: list[str] = []
        taken = {self.name, f"{self.name}-title", f"{self.name}-desc", *self.arrows.values()}
        for item in self.drawing.items:
            parts = [self.name, *class_names(item.kind)[:1], identifier(item.id)]
            found.append(unique("-".join(filter(None, parts)), taken, "{name}-{number}"))
            taken.add(found[-1])
        return found


def _shape(mark: Mark) -> str:
    """Return the rest of the element of a mark: its position and size, or its text."""
    if isinstance(mark, Text):
        return f'x="{number(mark.x)}" y="{number(mark.y)}">{text(mark.text)}</text>'
    if isinstance(mark, Circle):
        return f'cx="{number(mark.x)}" cy="{number(mark.y)}" r="{number(mark.radius)}"/>'
    if isinstance(mark, Rect):
        box = f'x="{number(mark.x)}" y="{number(mark.y)}" width="{number(mark.width)}" height="{number(mark.height)}"'
        return f'{box} rx="{number(mark.radius)}"/>' if mark.radius else f"{box}/>"
    return f'd="{_route(mark)}"/>'


def _route(path: Path) -> str:
    """Return the data of a path; one with an arrow ends within its head, so that the tip stays sharp."""
    points = list(path.points)
    if path.arrow:
        points[-1] = _towards(points[-1], points[-2], ARROW_LENGTH / 2 * path.line)
    steps = [f"M{_pair(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(path.radius, dist(before, corner) / 2, dist(corner, after) / 2)
        if radius > 0:
            start, end = _towards(corner, before, radius), _towards(corner, after, radius)
            steps.append(f"L{_pair(start)}Q{_pair(corner)} {_pair(end)}")
        else:
            steps.append(f"L{_pair(corner)}")
    return "".join([*steps, f"L{_pair(points[-1])}"])


def _towards(start: tuple[float, float], end: tuple[float, float], by: float) -> tuple[float, float]:
    """Return the point that is *by* points from *start* on the way to *end*, and never beyond it."""
    share = min(1.0, by / (dist(start, end) or 1.0))
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _pair(point: tuple[float, float]) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _arrow(id: str, stroke: str) -> str:
    """Return the head of arrows of one colour; its tip is half its length beyond the end of the line."""
    length, width = number(ARROW_LENGTH), number(ARROW_WIDTH)
    head = f"M0 0L{length} {number(ARROW_WIDTH / 2)}L0 {width}L{number(ARROW_LENGTH / 4)} {number(ARROW_WIDTH / 2)}Z"
    return (
        f'<marker id="{id}" markerWidth="{length}" markerHeight="{width}" '
        f'refX="{number(ARROW_LENGTH / 2)}" refY="{number(ARROW_WIDTH / 2)}" orient="auto">'
        f'<path d="{head}" fill="{stroke}"/></marker>'
    )


def text(line: str) -> str:
    """Return *line* as XML holds it."""
    return escape(clean(line), quote=False)


def identifier(name: str) -> str:
    """Return *name* with hyphens for all but letters, digits, dots, underscores and hyphens."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-")


def families(font: str | None) -> str:
    """Return the font families of text, the wanted one first, as CSS."""
    names = [name.replace("'", "").strip() for name in f"{font or ''},{FONT},{FALLBACKS}".split(",")]
    return ",".join(name if name == "sans-serif" else f"'{name}'" for name in dict.fromkeys(names) if name)


__all__ = ["families", "identifier", "text", "write"]
