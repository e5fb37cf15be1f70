"""SVG: the figure, with text that stays text. ``svg_writer.py`` says what a page or a program can restyle."""

from __future__ import annotations

from collections.abc import Iterable

from ..figure import figure
from ..figure_options import FigureOptions
from ..graph import ModelGraph
from ..options import Options
from ..svg_writer import write


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the figure as one file, ``svg``."""
    return {"svg": [draw(graph, options).encode("utf-8", "backslashreplace")]}


def draw(graph: ModelGraph, options: Options | None = None) -> str:
    """Return the SVG text of the figure of *graph*."""
    return write(figure(graph, options or Options()), graph.name)


def on_screen(graph: ModelGraph) -> str:
    """Return the figure for a notebook, which may be dark: it paints its own ground."""
    return draw(graph, Options(figure=FigureOptions(theme="screen")))


__all__ = ["draw", "on_screen", "render"]
