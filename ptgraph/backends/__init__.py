"""The formats: a plain dict of name → backend. A backend's ``render`` takes a graph and options, and returns
the files to write, as suffix → chunks of bytes; it neither opens a file nor prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ..graph import ModelGraph
from ..options import Options

if TYPE_CHECKING:
    from ..comparison import Comparison

Render = Callable[[ModelGraph, Options], dict[str, Iterable[bytes]]]


@dataclass(frozen=True, slots=True)
class Backend:
    """One format: its word on the command line is its module's name, with ``_`` for ``-``.

    ``usual`` ones are written where no format is named.
    """

    name: str
    purpose: str
    viewer: str
    usual: bool = False

    def render(self, graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
        """Return suffix → chunks of bytes; raises ExportError where the graph has no such form."""
        render: Render = import_module(f".{self.name.replace('-', '_')}", __package__).render
        return render(graph, options)


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("onnx", "the model as an ONNX graph, with shapes on every edge", "Netron", True),
        Backend("html", "an interactive page that unfolds, with code and numbers", "any browser, offline", True),
        Backend("svg", "a figure of the architecture, equal blocks folded", "a paper, a browser, Inkscape", True),
        Backend(
            "json", "the analysis: parameters, FLOPs, operations, components", "scripts (see `ptgraph schema`)", True
        ),
        Backend("model-explorer", "every operation, in layers that are the modules", "Model Explorer"),
        Backend("graphml", "the whole network, its modules as groups, every attribute", "yEd"),
        Backend("gexf", "the whole network, its modules as nodes, every attribute", "Gephi"),
        Backend("cytoscape", "the whole network, its modules as compound nodes, every attribute", "Cytoscape"),
    )
}


def render_comparison(
    a: ModelGraph, b: ModelGraph, comparison: Comparison, options: Options
) -> dict[str, Iterable[bytes]]:
    """Return the page that shows two graphs side by side, as suffix → chunks of bytes."""
    files: dict[str, Iterable[bytes]] = import_module(".html", __package__).render_comparison(a, b, comparison, options)
    return files


__all__ = ["BACKENDS", "Backend", "Render", "render_comparison"]
