"""Axes: the positions of a layout, along and across the flow, as those of the figure, right and down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ptgraph.figure.layout.spacing import MARGIN


class Rectangle(NamedTuple):
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Axes:
    """The axes of a figure that flows *down*, or else to the right. All results are rounded to hundredths of points."""

    down: bool

    def turned(self, across: float, along: float) -> tuple[float, float]:
        """Return the width and height of what is *across* by *along*, or the other way round."""
        return (across, along) if self.down else (along, across)

    def point(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return x and y of a point (u, v)."""
        x, y = self.turned(*point)
        return round(x + MARGIN, 2), round(y + MARGIN, 2)

    def rectangle(self, u: float, v: float, across: float, along: float) -> Rectangle:
        """Return the rectangle that begins at (u, v)."""
        width, height = self.turned(across, along)
        return Rectangle(*self.point((u, v)), round(width, 2), round(height, 2))

    def page(self, across: float, along: float) -> tuple[float, float]:
        """Return the width and height of a figure, with its margins."""
        width, height = self.turned(across, along)
        return round(width + 2 * MARGIN, 2), round(height + 2 * MARGIN, 2)


__all__ = ["Axes", "Rectangle"]
