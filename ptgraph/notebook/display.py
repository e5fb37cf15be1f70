"""How Jupyter shows a graph: as its figure."""

from __future__ import annotations

import sys

from ptgraph.drawing.svg import write
from ptgraph.figure.compose import figure
from ptgraph.figure.options import FigureOptions
from ptgraph.graph.model import ModelGraph


def svg_of(graph: ModelGraph) -> str:
    """Return the figure of *graph* as SVG for a notebook, which may be dark: it paints its own ground."""
    return write(figure(graph, FigureOptions(theme="screen")), graph.name)


def register() -> None:
    """Let IPython, where it runs, show a `ModelGraph` by `svg_of`; elsewhere nothing happens."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        shell.display_formatter.formatters["image/svg+xml"].for_type(ModelGraph, svg_of)


__all__ = ["register", "svg_of"]
