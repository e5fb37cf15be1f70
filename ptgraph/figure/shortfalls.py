"""Shortfalls: what was asked of a figure and does not fit its size, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ptgraph.figure.box_text import NOTE
from ptgraph.figure.fit_to_page import LEAST, Fitted, Fitting, fitting
from ptgraph.figure.layouts import Layouts
from ptgraph.figure.options import Direction, FigureOptions, points

_WAYS: dict[Direction, str] = {"TB": "from top to bottom", "LR": "from left to right"}
_MILLIMETRES = 25.4 / 72


def shortfalls(plain: Layouts, depth: int | None, options: FigureOptions, fitted: Fitted) -> Iterator[str]:
    """Yield a sentence for each thing that was asked of the figure and that *fitted* is without."""
    if plain.layout == "u" and not fitted.geometry.has_u:
        yield _no_u(fitting(plain, options, options.show), depth, options)
        plain = plain.without_u()
    asked = fitting(plain, options, options.show)
    levels = asked.levels(depth or 1)
    room = f"{options.width} × {options.highest}"
    if options.direction is not None and fitted.direction != options.direction:
        needs = _needs(asked, levels[0], options.direction)
        yield f"it flows {_WAYS[fitted.direction]}, as it does not fit {room} {_WAYS[options.direction]}: {needs}"
    if depth is not None and fitted.opened != levels[-1]:
        drawn = levels.index(fitted.opened) + 1 if fitted.opened in levels else 1
        needs = _needs(asked, levels[-1], fitted.direction)
        yield f"depth {len(levels)} does not fit {room}, and depth {drawn} is drawn: {needs}"
    height = fitted.geometry.height * fitted.scale
    if fitted.scale < LEAST:
        needs = _needs(asked, fitted.opened, fitted.direction)
        yield f"it does not fit {room}, and its text is {NOTE * fitted.scale:.1f} pt: {needs}"
    elif height > points(options.highest) + 0.1:
        needs = _needs(asked, fitted.opened, fitted.direction)
        more = f": {needs}" if "width" in needs else ""
        yield f"it is {math.ceil(height * _MILLIMETRES)}mm high, as it does not fit {room}{more}"
    missing = [word for word in options.show if word not in fitted.show]
    if missing and options.show != FigureOptions().show:
        yield f"{' and '.join(missing)} do not fit {room}, and are left out"


def _no_u(asked: Fitting, depth: int | None, options: FigureOptions) -> str:
    if options.direction == "LR":
        return f"it is no U, as a figure that flows {_WAYS['LR']} has none"
    levels = asked.with_u(depth)
    if not levels:
        return "it is no U, as the values that it draws do not skip from one half to the other"
    return f"no U fits {options.width} × {options.highest}: {_needs(asked, levels[0], 'TB')}"


def _needs(asked: Fitting, opened: set[str], direction: Direction) -> str:
    """Return the size that a figure with the boxes *opened* needs: its width, its height, or both."""
    sizes = [(found.width * LEAST, found.height * LEAST) for found in asked.choices(opened, direction)]
    wide = min(((w, h) for w, h in sizes if h <= asked.height), default=None)
    high = min(((h, w) for w, h in sizes if w <= asked.width), default=None)
    if wide is not None:
        return f"a width of {_length(wide[0])} would do"
    if high is not None:
        return f"a height of {_length(high[0])} would do"
    width, height = min(sizes, key=lambda size: size[0] * size[1])
    return f"{_length(width)} × {_length(height)} would do"


def _length(length: float) -> str:
    return f"{math.ceil(length * _MILLIMETRES + 0.1)}mm"


__all__ = ["shortfalls"]
