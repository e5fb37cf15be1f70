"""A drawing as data, which SVG, TikZ and others write. Lengths are in points, and the y axis leads down."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

ARROW_LENGTH, ARROW_WIDTH = 5.4, 4.2  # of the head of an arrow, in widths of its line

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle by its upper left corner; *radius* rounds its corners, *dashes* its border."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None
    stroke: str | None
    line: float = 0.8
    radius: float = 0.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle by its centre."""

    x: float
    y: float
    radius: float
    fill: str | None
    stroke: str | None
    line: float = 0.8


@dataclass(frozen=True, slots=True)
class Path:
    """A line through *points*, its corners rounded by *radius*; *arrow* puts a head at its end."""

    points: tuple[tuple[float, float], ...]
    stroke: str
    line: float = 0.8
    radius: float = 0.0
    dashed: bool = False
    arrow: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text: *y* is that of its baseline, *x* that of its *anchor*; *halo* is a colour around it."""

    x: float
    y: float
    text: str
    size: float
    color: str
    anchor: Anchor = "middle"
    bold: bool = False
    italic: bool = False
    halo: str | None = None


Mark = Rect | Circle | Path | Text


@dataclass(frozen=True, slots=True)
class Item:
    """Marks that belong together, such as those of a box. *id* and *kind* are stable; *title* is for screen readers."""

    id: str
    kind: str
    marks: tuple[Mark, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Items from the lowest to the highest. *background* is the colour below them; *font* is a family, or None for the
    default of the format; *title* and *description* are for screen readers."""

    width: float
    height: float
    items: tuple[Item, ...]
    font: str | None
    title: str
    description: str = ""
    background: str = "#ffffff"


def scaled(mark: Mark, by: float) -> Mark:
    """Return *mark* with its lengths and its distance from the origin multiplied by *by*."""
    if isinstance(mark, Text):
        return replace(mark, x=mark.x * by, y=mark.y * by, size=mark.size * by)
    line = mark.line * by
    if isinstance(mark, Circle):
        return replace(mark, x=mark.x * by, y=mark.y * by, radius=mark.radius * by, line=line)
    if isinstance(mark, Path):
        points = tuple((x * by, y * by) for x, y in mark.points)
        return replace(mark, points=points, radius=mark.radius * by, line=line)
    width, height = mark.width * by, mark.height * by
    return replace(mark, x=mark.x * by, y=mark.y * by, width=width, height=height, radius=mark.radius * by, line=line)


def circled(sign: Literal["plus", "times"], circle: Circle) -> list[Mark]:
    """Return *circle* with a sign in it: a ⊕ or a ⊗."""
    x, y, reach = circle.x, circle.y, circle.radius * (0.6 if sign == "plus" else 0.45)
    ends = (
        [((x - reach, y), (x + reach, y)), ((x, y - reach), (x, y + reach))]
        if sign == "plus"
        else [((x - reach, y - reach), (x + reach, y + reach)), ((x - reach, y + reach), (x + reach, y - reach))]
    )
    return [circle, *(Path(end, str(circle.stroke), circle.line) for end in ends)]


def appearance(mark: Mark) -> Mark:
    """Return *mark* without its position, size and text, so that marks that look alike are equal."""
    if isinstance(mark, Rect):
        return replace(mark, x=0, y=0, width=0, height=0)
    if isinstance(mark, Circle):
        return replace(mark, x=0, y=0, radius=0)
    if isinstance(mark, Path):
        return replace(mark, points=())
    return replace(mark, x=0, y=0, text="")


def appearances(drawing: Drawing) -> dict[tuple[str, Mark], int]:
    """Return the number of each (kind of item, appearance) among those with that kind and type of mark, from 1."""
    found: dict[tuple[str, Mark], int] = {}
    count: Counter[tuple[str, type[Mark]]] = Counter()
    for item in drawing.items:
        for mark in item.marks:
            look = item.kind, appearance(mark)
            if look not in found:
                count[item.kind, type(mark)] += 1
                found[look] = count[item.kind, type(mark)]
    return found


@cache
def class_names(kind: str) -> tuple[str, ...]:
    """Return the words of a *kind*, each once, of lowercase letters, digits and hyphens."""
    return tuple(dict.fromkeys(word for word in map(slug, kind.split()) if word))


def slug(text: str) -> str:
    """Return *text* as one word of lowercase letters, digits and hyphens: ``layers-blocks``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


__all__ = [
    "ARROW_LENGTH",
    "ARROW_WIDTH",
    "Anchor",
    "Circle",
    "Drawing",
    "Item",
    "Mark",
    "Path",
    "Rect",
    "Text",
    "appearance",
    "appearances",
    "circled",
    "class_names",
    "scaled",
    "slug",
]
