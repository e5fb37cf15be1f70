"""The formats, by name: those of ptgraph, and those that other packages add.

The ``render`` of a format takes a graph and `Options`, of which it reads what concerns it, and returns the files to
write, as suffix → chunks of bytes. It neither opens a file nor prints.

Other packages add formats by entry points in the group ``ptgraph.formats``: an entry point's name is the name of the
format, and its object is such a ``render``. No package is imported before one of its formats is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from ptgraph.common.messages import named
from ptgraph.errors import ExportError
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph

Render = Callable[[ModelGraph, Options], dict[str, Iterable[bytes]]]


@dataclass(frozen=True, slots=True)
class Format:
    """One format. ``function`` is its ``render``, as ``module:name`` within this package.

    ``usual`` formats are written if none is named. A format that ``holds_weights`` reads the option ``weights``.
    ``source`` is the kind of graph (`ModelGraph.kind`) that is read from a file of this format; such a graph is not
    written in this format again. ``package`` is the name of the package that has the format, for messages.
    """

    name: str
    purpose: str
    viewer: str
    function: str
    usual: bool = False
    holds_weights: bool = False
    source: str = ""
    package: str = "ptgraph"

    def render(self, graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
        """Return suffix → chunks of bytes. Raises ExportError if the graph cannot be written in this format."""
        module, _, name = self.function.partition(":")
        render: Render = getattr(import_module(f".{module}", __package__), name)
        return render(graph, options)


FORMATS = {
    each.name: each
    for each in (
        Format(
            "onnx",
            "the model as an ONNX graph, with shapes on every edge",
            "Netron",
            "onnx:render",
            usual=True,
            holds_weights=True,
            source="onnx",
        ),
        Format(
            "html",
            "an interactive page that unfolds, with code and numbers",
            "any browser, offline",
            "html:render",
            usual=True,
        ),
        Format(
            "svg",
            "a figure of the architecture, equal blocks folded",
            "a paper, a browser, Inkscape",
            "figure:svg",
            usual=True,
        ),
        Format(
            "json",
            "the analysis: parameters, FLOPs, operations, components",
            "scripts (see `ptgraph schema`)",
            "json:render",
            usual=True,
        ),
        Format("pdf", "the figure, as vectors with embedded fonts", "LaTeX, any PDF reader", "figure:pdf"),
        Format("png", "the figure, at 300 dots an inch", "anything that shows pictures", "figure:png"),
        Format("tikz", "the figure, as a LaTeX document with a TikZ picture", "pdflatex, \\input", "figure:tikz"),
        Format(
            "model-explorer",
            "every operation, in layers that are the modules",
            "Model Explorer",
            "model_explorer:render",
        ),
        Format("dot", "the figure as a graph that one can edit and lay out anew", "Graphviz", "dot:render"),
        Format("mermaid", "the figure as a flowchart for Markdown", "GitHub, Mermaid", "mermaid:render"),
        Format(
            "tensorboard",
            "every operation, in scopes that are the modules",
            "TensorBoard, its graph tab",
            "tensorboard:render",
        ),
        Format("graphml", "the whole network, its modules as groups, every attribute", "yEd", "network.graphml:render"),
        Format("gexf", "the whole network, its modules as nodes, every attribute", "Gephi", "network.gexf:render"),
        Format(
            "cytoscape",
            "the whole network, its modules as compound nodes, every attribute",
            "Cytoscape",
            "network.cytoscape:render",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Plugin(Format):
    """A format of another package."""

    entry: EntryPoint | None = None

    def render(self, graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
        """Return suffix → chunks of bytes. Raises ExportError if the package cannot be imported or is broken."""
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


def plugins() -> tuple[dict[str, Format], list[str]]:
    """Return the formats of other packages by name, and a message for each one that is refused."""
    found: dict[str, Format] = {}
    refused: list[str] = []
    for entry in sorted(entry_points(group="ptgraph.formats"), key=lambda entry: (entry.name, entry.value)):
        name = entry.name.lower()
        package, version, summary = _about(entry)
        taken = FORMATS.get(name) or found.get(name)
        if name == "all" or taken:
            why = f"{taken.package} has a format of this name" if taken else "the word means every format"
            refused.append(f"the format {name} of {package} is not used: {why}")
            continue
        found[name] = Plugin(name, summary, f"from {package} {version}", entry.value, package=package, entry=entry)
    return found, refused


def _about(entry: EntryPoint) -> tuple[str, str, str]:
    """Return the name, version and summary of the package that has an entry point."""
    if entry.dist is None:
        return "a package without a name", "", ""
    return entry.dist.name, entry.dist.version, str(entry.dist.metadata.json.get("summary", ""))


__all__ = ["FORMATS", "Format", "Plugin", "Render", "plugins"]
