"""PDF: the figure as one page of its size, with text that stays text and its fonts embedded; Typst makes it.

Why Typst: see ``ptgraph/typeset.py``. It comes with the extra ``pdf``.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..figure import figure
from ..graph import ModelGraph
from ..options import Options
from ..typeset import typeset


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the figure as one file, ``pdf``; raises ExportError if the extra ``pdf`` is not installed."""
    return {"pdf": [typeset(figure(graph, options), "pdf")]}


__all__ = ["render"]
