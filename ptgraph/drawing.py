"""A drawing as data: what SVG, TikZ and others write. Points, the y axis down; nothing here knows of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
    anchor: Literal["start", "middle", "end"] = "middle"
    bold: bool = False
    italic: bool = False
    halo: str | None = None


Mark = Rect | Circle | Path | Text


@dataclass(frozen=True, slots=True)
class Item:
    """Marks that are one thing, such as a box. *id* and *kind* are stable; *title* is what a reader hears."""

    id: str
    kind: str
    marks: tuple[Mark, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Items from the lowest to the highest. *background* is None for none; *font* is a family, *title* and
    *description* are for those who do not see it."""

    width: float
    height: float
    items: tuple[Item, ...]
    font: str
    title: str
    description: str = ""
    background: str | None = None


__all__ = ["Circle", "Drawing", "Item", "Mark", "Path", "Rect", "Text"]
