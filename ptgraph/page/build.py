"""The page: one self-contained HTML file on pyvis's network, which opens folded and unfolds on click.

Python decides what boxes there are and where they stand; the page only opens, closes and shows them. It holds two JSON
objects: the diagram, and the descriptions, which are parsed after the diagram is drawn. Both are escaped so that no
string of the model can end the script element.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import jinja2
from pyvis.network import Network

from ptgraph.comparison.result import GraphDiff
from ptgraph.drawing.palettes import STYLES
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.recorded_pipelines import pipelines_of
from ptgraph.graph.serialize import attributes
from ptgraph.graph.view.build import view
from ptgraph.graph.view.model import View
from ptgraph.page.comparison_document import prefixed, side_by_side
from ptgraph.page.descriptions import described, described_classes
from ptgraph.page.document import MOST_AT_FIRST, PLAIN, diagram, placed
from ptgraph.page.js_bundle import bundle
from ptgraph.page.output_groups import with_output_groups
from ptgraph.page.overlay import Overlay

WEB = files("ptgraph.page") / "web"
_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")  # characters that may end a script, and surrogates
STYLES_OF = ("styles/base.css", "styles/text.css", "styles/compare.css")


def page(graph: ModelGraph, depth: int | None = None, overlays: Sequence[Overlay] = ()) -> bytes:
    """Return the page of *graph* as UTF-8, with *depth* levels of modules open (None: as many as stay readable).

    The page of a Pure Transformer has its recorded training pipelines, too.
    Raises ExportError if Graphviz is missing or fails.
    """
    graphs = {"model": graph, **pipelines_of(graph)}
    depths = {"model": depth}
    views = {key: _grouped(view(each), depths.get(key)) for key, each in graphs.items()}
    documents = {key: diagram(each, views[key], depths.get(key)) for key, each in graphs.items()}
    texts = {key: described(each, views[key]) for key, each in graphs.items()}
    numbers = [{"name": each.name, "values": placed(each.values, views["model"])} for each in overlays]
    return _page(graph.name, documents, texts, _classes(graphs.values()), overlays=numbers)


def _grouped(picture: View, depth: int | None) -> View:
    return with_output_groups(picture, picture.opened(depth, MOST_AT_FIRST))


def comparison_page(a: ModelGraph, b: ModelGraph, comparison: GraphDiff, depth: int | None = None) -> bytes:
    """Return the page of *a* beside *b* as UTF-8, coloured by the status of each box.

    Raises ExportError if Graphviz is missing or fails.
    """
    document, sides = side_by_side(a, b, comparison, depth)
    texts: dict[str, Any] = {"components": {}, "ops": {}}
    for side, (graph, picture) in sides.items():
        for kind, found in prefixed(side, described(graph, picture)).items():
            texts[kind] |= found
    name = f"{a.name} and {b.name}"
    return _page(name, {"model": document}, {"model": texts}, _classes((a, b)), comparison=comparison.data())


def _classes(graphs: Iterable[ModelGraph]) -> dict[str, Any]:
    return {type_: found for graph in graphs for type_, found in described_classes(graph).items()}


def _page(
    name: str,
    documents: dict[str, Any],
    texts: dict[str, Any],
    classes: dict[str, Any],
    *,
    overlays: Sequence[dict[str, Any]] = (),
    comparison: dict[str, Any] | None = None,
) -> bytes:
    data = {
        "version": version("ptgraph"),
        "name": name,
        "plain": PLAIN,
        "styles": {category: attributes(style) for category, style in STYLES.items()},
        "documents": [{"key": key, **document} for key, document in documents.items()],
        "overlays": list(overlays),
        "comparison": comparison,
    }
    return _text(name, data, {"documents": texts, "classes": classes}).encode("utf-8", "backslashreplace")


def _text(name: str, data: dict[str, Any], details: dict[str, Any]) -> str:
    network = _network()
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string(_read("index.html"))
    return template.render(
        title=name,
        style="\n".join(map(_read, STYLES_OF)),
        library=_vis_network(),
        script=bundle(WEB / "src", "main.js"),
        data=_json(data),
        details=_json(details),
        options=_json(network.options),
        nodes=_json(network.nodes),
        edges=_json(network.edges),
    )


def _network() -> Network:
    """Return an empty pyvis network with the options of the page: positions are given, so there is no physics."""
    network = Network(directed=True)
    network.set_options(
        json.dumps(
            {
                "physics": {"enabled": False},
                "interaction": {"hover": True, "dragNodes": False, "zoomSpeed": 0.6, "tooltipDelay": 200},
                "nodes": {"shape": "box", "margin": 0, "borderWidth": 1.2},
                "edges": {"smooth": False, "arrows": {"to": {"enabled": True, "scaleFactor": 0.5}}},
            }
        )
    )
    return network


def _vis_network() -> str:
    """Return the script of the vis-network library, from pyvis's wheel."""
    (script,) = (files("pyvis") / "lib").glob("vis-9.1*/vis-network.min.js")  # type: ignore[attr-defined]  # a folder on disk: a Path
    return str(script.read_text(encoding="utf-8")).replace("</script", "<\\/script")


def _read(name: str) -> str:
    return WEB.joinpath(name).read_text(encoding="utf-8")


def _json(data: Any) -> str:
    """Return JSON that is safe inside a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


__all__ = ["comparison_page", "page"]
