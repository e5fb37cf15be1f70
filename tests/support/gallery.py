"""The committed figures of docs/gallery, which `make gallery` writes."""

from __future__ import annotations

from ptgraph.drawing.shapes import Drawing
from ptgraph.graph.model import ModelGraph
from tools.gallery import ARCHITECTURES, DOCS, figure_of

TEXT = (DOCS / "gallery.md").read_text(encoding="utf-8")
OLD = "docs/gallery is old; run: make gallery"


def check_gallery(name: str, graph: ModelGraph) -> Drawing:
    """Draw the figure of *graph*, and compare it with the committed one, and its entry with that of docs/gallery.md."""
    drawn = figure_of(name, ARCHITECTURES.get(name, name), graph)
    assert (DOCS / f"gallery/{name}.svg").read_bytes() == drawn.svg(), OLD
    assert drawn.entry() in TEXT, OLD
    return drawn.drawing
