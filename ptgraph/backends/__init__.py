"""The formats: a plain dict of name → backend. A backend's ``render`` takes a graph and options, and returns
the files to write, as suffix → chunks of bytes; it neither opens a file nor prints.

Other packages add formats by an entry point in the group ``ptgraph.backends``: its name is the word of the format, and
its object is such a ``render``. No package is imported before one of its formats is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from ..errors import ExportError, named
from ..graph import ModelGraph
from ..options import Options

if TYPE_CHECKING:
    from ..comparison import Comparison

Render = Callable[[ModelGraph, Options], dict[str, Iterable[bytes]]]


@dataclass(frozen=True, slots=True)
class Backend:
    """One format: its word on the command line is its module's name, with ``_`` for ``-``.

    ``usual`` ones are written where no format is named. ``package`` says who made it, in messages.
    """

    name: str
    purpose: str
    viewer: str
    usual: bool = False
    package: str = "ptgraph"

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
        Backend("pdf", "the figure, as vectors with embedded fonts", "LaTeX, any PDF reader"),
        Backend("png", "the figure, at 300 dots an inch", "anything that shows pictures"),
        Backend("tikz", "the figure, as a LaTeX document with a TikZ picture", "pdflatex, \\input"),
        Backend("model-explorer", "every operation, in layers that are the modules", "Model Explorer"),
        Backend("dot", "the figure as a graph that one can edit and lay out anew", "Graphviz"),
        Backend("mermaid", "the figure as a flowchart for Markdown", "GitHub, Mermaid"),
        Backend("tensorboard", "every operation, in scopes that are the modules", "TensorBoard, its graph tab"),
        Backend("graphml", "the whole network, its modules as groups, every attribute", "yEd"),
        Backend("gexf", "the whole network, its modules as nodes, every attribute", "Gephi"),
        Backend("cytoscape", "the whole network, its modules as compound nodes, every attribute", "Cytoscape"),
    )
}


@dataclass(frozen=True, slots=True)
class Plugin(Backend):
    """A format that another package brings."""

    entry: EntryPoint | None = None

    def render(self, graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
        """Return suffix → chunks of bytes; raises ExportError if the package cannot be used."""
        assert self.entry is not None
        try:
            render: Render = self.entry.load()
        except Exception as error:  # a package of others may fail in any way
            raise ExportError(f"the format {self.name} of {self.package} cannot be loaded: {named(error)}") from error
        files = render(graph, options) if callable(render) else None
        if not isinstance(files, dict):
            what = "render(graph, options), which returns a dict of suffix → chunks of bytes"
            raise ExportError(f"the format {self.name} of {self.package} is broken: {self.entry.value} is no {what}")
        return files


def plugins() -> tuple[dict[str, Backend], list[str]]:
    """Return the formats that other packages bring, by name, and what there is to say of those refused."""
    found: dict[str, Backend] = {}
    refused: list[str] = []
    for entry in sorted(entry_points(group="ptgraph.backends"), key=lambda entry: (entry.name, entry.value)):
        name = entry.name.lower()
        package, version, summary = _about(entry)
        taken = BACKENDS.get(name) or found.get(name)
        if name == "all" or taken:
            why = f"{taken.package} has a format of this name" if taken else "the word means every format"
            refused.append(f"the format {name} of {package} is not used: {why}")
            continue
        found[name] = Plugin(name, summary, f"from {package} {version}", package=package, entry=entry)
    return found, refused


def _about(entry: EntryPoint) -> tuple[str, str, str]:
    """Return the name, version and summary of the package that an entry point is of."""
    if entry.dist is None:
        return "a package without a name", "", ""
    return entry.dist.name, entry.dist.version, str(entry.dist.metadata.json.get("summary", ""))


def render_comparison(
    a: ModelGraph, b: ModelGraph, comparison: Comparison, options: Options
) -> dict[str, Iterable[bytes]]:
    """Return the page that shows two graphs side by side, as suffix → chunks of bytes."""
    files: dict[str, Iterable[bytes]] = import_module(".html", __package__).render_comparison(a, b, comparison, options)
    return files


__all__ = ["BACKENDS", "Backend", "Plugin", "Render", "plugins", "render_comparison"]
