"""The display of graphs in Jupyter: a `ModelGraph` is shown as its figure."""

from __future__ import annotations

import sys

from ptgraph.figure.options import FigureOptions
from ptgraph.graph.model import ModelGraph


def svg_of(graph: ModelGraph) -> str:
    """Return the figure of *graph* as SVG, with a background of its own, since a notebook may be dark."""
    from ptgraph.drawing.svg import (
        write,  # what draws is imported when something is drawn: `api` registers at its import
    )
    from ptgraph.figure.compose import figure

    return write(figure(graph, FigureOptions(theme="screen")), graph.name)


def register() -> None:
    """Let IPython show a `ModelGraph` by `svg_of`. Does nothing outside IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        shell.display_formatter.formatters["image/svg+xml"].for_type(ModelGraph, svg_of)


__all__ = ["register", "svg_of"]
