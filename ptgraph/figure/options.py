"""Options of the formats that draw a figure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ptgraph.drawing.palettes import Theme
from ptgraph.errors import UsageError

Direction = Literal["TB", "LR"]
Layout = Literal["auto", "flow", "u", "dot"]
Shown = Literal["shapes", "params", "flops", "dtype"]

PAGE_WIDTH, PAGE_HEIGHT = 174.0, 234.0  # millimetres: two columns of a paper, and the text of its page
_POINTS = {"mm": 72 / 25.4, "cm": 72 / 2.54, "in": 72.0, "pt": 1.0}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(mm|cm|in|pt)")


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """Options of the formats that draw a figure.

    ``theme`` is ``paper`` (reads in greyscale, and for the colour-blind), ``screen`` or ``dark``. ``direction`` is that
    of the flow, ``TB`` or ``LR`` (None: down, or to the right where only that fits). ``layout`` is ``auto`` (a U, or a
    grid of resolutions, where the model has the skips for it and it fits), ``flow`` (neither), ``u`` (a U or a
    grid, even if fewer modules are open for it) or ``dot`` (positions and lines by Graphviz).
    ``focus`` is the path of the one module to draw.
    ``show`` is the text beside names: ``shapes`` on edges; ``params``, ``flops`` and ``dtype`` in
    boxes. ``font`` is the family of all text (None: a sans-serif). ``width`` is the greatest width of the figure, such
    as ``"84mm"`` for a column, and ``height`` its greatest height: it is laid out to fit, and no text is set under
    6 pt. Without a ``height`` it is no higher than the text of a page, but for one of a given depth. ``legend`` adds a
    legend of colours and marks, below that height. Raises UsageError for a value that an option does not take.
    """

    theme: Theme = "paper"
    direction: Direction | None = None
    focus: str | None = None
    show: tuple[Shown, ...] = ("shapes", "params")
    font: str | None = None
    width: str = f"{PAGE_WIDTH:g}mm"
    legend: bool = False
    height: str | None = None
    layout: Layout = "auto"

    def __post_init__(self) -> None:
        one_of("theme", self.theme, get_args(Theme))
        if self.direction is not None:
            one_of("direction", self.direction, get_args(Direction))
        one_of("layout", self.layout, get_args(Layout))
        if isinstance(self.show, str):
            raise UsageError(f"show is {self.show!r}; it is a tuple of: {', '.join(get_args(Shown))}")
        for word in self.show:
            one_of("show", word, get_args(Shown))
        if self.font is not None and not re.fullmatch(r"[\w .,'-]+", self.font):
            raise UsageError(f"font is {self.font!r}; it is the name of a font, such as 'Source Sans 3'")
        if not 20 <= points(self.width) * 25.4 / 72 <= 2000:
            raise UsageError(f"width is {self.width!r}; a figure is from 20mm to 2000mm wide")
        if self.height is not None and not 20 <= points(self.height, "height") * 25.4 / 72 <= 2000:
            raise UsageError(f"height is {self.height!r}; a figure is from 20mm to 2000mm high")

    @property
    def highest(self) -> str:
        """The height that is asked for, or else that of a page."""
        return self.height or f"{PAGE_HEIGHT:g}mm"


def points(length: str, name: str = "width") -> float:
    """Return a length such as ``84mm``, ``3.3in``, ``8.4cm`` or ``240pt`` in points.

    Raises UsageError, with the *name* of the option, if it is none.
    """
    found = _LENGTH.fullmatch(length.strip()) if isinstance(length, str) else None
    if found is None:
        raise UsageError(f"{name} is {length!r}; it is a length such as 84mm, 8.4cm, 3.3in or 240pt")
    return float(found[1]) * _POINTS[found[2]]


def one_of(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise UsageError if *value* is none of the *choices* of *name*."""
    if value not in choices:
        raise UsageError(f"{name} is {value!r}; there are: {', '.join(choices)}")


__all__ = ["PAGE_HEIGHT", "PAGE_WIDTH", "Direction", "FigureOptions", "Layout", "Shown", "one_of", "points"]
