"""The figure as SVG, PDF, PNG and TikZ: one drawing, four writers. All read the options ``depth`` and ``figure``.

PDF and PNG are made by Typst, which comes with the extra ``pdf`` (`ptgraph.drawing.typst` says why).
"""

from __future__ import annotations

from collections.abc import Iterable

from ptgraph.drawing import svg as svg_writer
from ptgraph.drawing import tikz as tikz_writer
from ptgraph.drawing.shapes import Drawing
from ptgraph.drawing.typst import png_of, typeset
from ptgraph.figure.compose import figure
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph

Files = dict[str, Iterable[bytes]]  # suffix → chunks


def svg(graph: ModelGraph, options: Options) -> Files:
    """Return the figure as one file, ``svg``, with text that stays text."""
    return {"svg": [_encoded(svg_writer.write(_drawing(graph, options), graph.name))]}


def pdf(graph: ModelGraph, options: Options) -> Files:
    """Return the figure as one file, ``pdf``: a page of its size, its fonts embedded.

    Raises ExportError if the extra ``pdf`` is not installed.
    """
    return {"pdf": [typeset(_drawing(graph, options), "pdf")]}


def png(graph: ModelGraph, options: Options) -> Files:
    """Return the figure as one file, ``png``, at 300 dots an inch; white where the theme paints no ground.

    Raises ExportError if the extra ``pdf`` is not installed.
    """
    return {"png": [png_of(_drawing(graph, options))]}


def tikz(graph: ModelGraph, options: Options) -> Files:
    r"""Return the figure as one file, ``tex``: a LaTeX document for pdflatex, which another can read with ``\input``.

    Its text is set in the document's own sans-serif: it does not read ``figure.font``.
    """
    return {"tex": [_encoded(tikz_writer.write(_drawing(graph, options)))]}


def _drawing(graph: ModelGraph, options: Options) -> Drawing:
    return figure(graph, options.figure, options.depth)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


__all__ = ["pdf", "png", "svg", "tikz"]
