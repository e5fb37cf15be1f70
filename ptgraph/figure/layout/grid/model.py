"""The grid of a figure, as data: its cells and frames, by row and column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """Boxes above each other, from *top* to the row *last*, which is another one if the only box spans rows.

    *boxes* are in the order of the flow; *up*: they flow up.
    """

    boxes: tuple[str, ...]
    top: int
    last: int
    column: int
    up: bool = False

    @property
    def rows(self) -> range:
        """The rows that the cell takes."""
        return range(self.top, self.last + 1)

    @property
    def spans(self) -> bool:
        """Whether it takes several rows."""
        return self.last > self.top


@dataclass(frozen=True)
class GridFrame:
    """An open box: the first and the last row and column of the cells that it takes."""

    name: str
    top: int
    last: int
    first_column: int
    last_column: int

    def holds(self, row: int, column: int) -> bool:
        """Return whether it takes that cell."""
        return self.top <= row <= self.last and self.first_column <= column <= self.last_column


@dataclass(frozen=True)
class Grid:
    """The cells of a grid of so many *rows* and *columns*, and its frames, the outer ones first.

    *around* has the frames around each box, the outermost first.
    """

    cells: tuple[Cell, ...]
    rows: int
    columns: int
    frames: tuple[GridFrame, ...] = ()
    around: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


__all__ = ["Cell", "Grid", "GridFrame"]
