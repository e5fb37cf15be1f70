"""HTML: the interactive page, of one graph or of two that are compared."""

from __future__ import annotations

from collections.abc import Iterable

from ptgraph.comparison.result import GraphDiff
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.page.build import comparison_page, page


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the page of *graph* as one file, ``html``. Reads ``depth`` and ``overlays``."""
    return {"html": [page(graph, options.depth, options.overlays)]}


def render_comparison(
    a: ModelGraph, b: ModelGraph, comparison: GraphDiff, options: Options
) -> dict[str, Iterable[bytes]]:
    """Return the page of *a* beside *b* as one file, ``html``. Reads ``depth``."""
    return {"html": [comparison_page(a, b, comparison, options.depth)]}


__all__ = ["render", "render_comparison"]
