"""TikZ: the figure as a LaTeX document that plain pdflatex compiles, and that another can read with ``\\input``.

Its text is set in the document's own sans-serif, so ``font`` means nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..figure import figure
from ..graph import ModelGraph
from ..options import Options
from ..tikz_writer import write


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the figure as one file, ``tex``."""
    return {"tex": [write(figure(graph, options)).encode("utf-8", "backslashreplace")]}


__all__ = ["render"]
