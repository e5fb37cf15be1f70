"""HTML: one self-contained page on pyvis's network, which opens folded and unfolds on click.

Python decides what there is and where everything stands; the page only opens, closes and shows. The data is one
JSON object in the page (``page_data`` says what is in it), escaped so that no string of the model can end it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import jinja2
from pyvis.network import Network

from .. import layout
from ..analysis import analyze
from ..graph import ModelGraph, attributes
from ..options import Options
from ..style import STYLES
from ..view import Box, View, count_text, shape_text, view

PAGE = files("ptgraph.page")
SCRIPTS = ("layout.js", "draw.js", "details.js", "page.js")  # each uses those before it
FIRST_SIGHT = 14  # boxes that the page may show when it opens


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the page as one file, ``html``."""
    network = _network()
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string(_read("page.html"))
    text = template.render(
        title=graph.name,
        style=_read("page.css"),
        library=_vis_network(),
        script="\n".join(map(_read, SCRIPTS)),
        data=_json(page_data(graph, options)),
        options=_json(network.options),
        nodes=_json(network.nodes),
        edges=_json(network.edges),
    )
    return {"html": [text.encode()]}


def page_data(graph: ModelGraph, options: Options) -> dict[str, Any]:
    """Return all that the page shows.

    ``boxes``: id → kind, title, subtitle, category, component, parent, parts, op, repeat, size and place within
    its parent. ``scopes``: id of a box with parts → size of its inside, and its stubs. ``links``: pairs of boxes
    without parts, with the shape that flows. ``opened``: what is open at first. ``components``, ``classes``,
    ``ops``, ``parameters``: details of what the boxes stand for. ``styles``: category → colours.
    """
    picture = view(graph)
    sizes = {box.id: layout.box_size(*_lines(box)) for box in picture.boxes.values()}
    scopes = layout.scopes(picture, sizes)
    components = {b.component for b in picture.boxes.values()}
    types = {graph.components.nodes[path]["type"] for path in components}
    analysis = analyze(graph)
    return {
        "name": graph.name,
        "version": version("ptgraph"),
        "tracer": graph.tracer,
        "attempts": [list(attempt) for attempt in graph.attempts],
        "totals": analysis.totals,
        "opened": sorted(picture.opened(options.depth, FIRST_SIGHT)),
        "boxes": {box.id: _box(box, picture, sizes, scopes) for box in picture.boxes.values()},
        "scopes": {
            name: {
                "width": scope.width,
                "height": scope.height,
                "stubs": [
                    {"source": stub.partition("→")[0], "child": stub.partition("→")[2], **attributes(place)}
                    for stub, place in scope.places.items()
                    if "→" in stub
                ],
            }
            for name, scope in scopes.items()
        },
        "links": [[link.source, link.target, link.label, link.shared] for link in picture.links],
        "components": {path: _component(graph, path) for path in sorted(components)},
        "classes": {name: attributes(graph.classes[name]) for name in sorted(types)},
        "ops": {box.op: _op(graph, box.op) for box in picture.boxes.values() if box.op is not None},
        "styles": {name: attributes(style) for name, style in STYLES.items()},
    }


def _lines(box: Box) -> tuple[str, str]:
    title = f"{box.title} ×{box.repeat}" if box.repeat > 1 else box.title
    notes = (box.subtitle, f"{count_text(box.params)} params" if box.params and box.kind == "module" else "")
    return _cut(title), _cut(" · ".join(note for note in notes if note))


def _cut(text: str, limit: int = 48) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _box(
    box: Box, picture: View, sizes: dict[str, tuple[float, float]], scopes: dict[str, layout.Scope]
) -> dict[str, Any]:
    title, subtitle = _lines(box)
    place = scopes[box.parent].places[box.id] if box.parent is not None else None
    width, height = sizes[box.id]
    return {
        "kind": box.kind,
        "title": title,
        "subtitle": subtitle,
        "category": box.category,
        "component": box.component,
        "parent": box.parent,
        "parts": list(box.parts),
        "op": box.op,
        "repeat": box.repeat,
        "params": box.params,
        "flops": box.flops,
        "x": place.x if place else 0,
        "y": place.y if place else 0,
        "width": width,
        "height": height,
    }


def _component(graph: ModelGraph, path: str) -> dict[str, Any]:
    """Return what the details pane says of a component: its own parameters are listed by name and shape."""
    inside = path + "." if path else ""
    own = [
        {**attributes(p), "name": p.name.removeprefix(inside), "shape": shape_text(p.shape)}
        for p in graph.parameters
        if p.name.rpartition(".")[0] == path
    ]
    found = attributes(graph.component(path))
    if not path:  # the sizes of a configured model are in its config
        found["settings"] = {**graph.config, **found["settings"]}
    return {**found, "parameters": own}


def _op(graph: ModelGraph, name: str) -> dict[str, Any]:
    """Return what the details pane says of an operation, with the weights that it reads."""
    reads = [
        {"name": graph.ops.nodes[s]["target"], "shape": shape_text(graph.ops.nodes[s]["shape"])}
        for s in graph.ops.predecessors(name)
        if graph.ops.nodes[s]["kind"] in ("parameter", "buffer", "constant")
    ]
    return {**attributes(graph.op(name)), "reads": reads}


def _network() -> Network:
    """Return an empty pyvis network with the options of the page: no physics, places are given."""
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
    """Return the vis-network library that pyvis brings along."""
    (script,) = (files("pyvis") / "lib").glob("vis-9.1*/vis-network.min.js")  # type: ignore[attr-defined]  # a folder on disk: a Path
    return str(script.read_text(encoding="utf-8")).replace("</script", "<\\/script")


def _read(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _json(data: Any) -> str:
    """Return JSON that is safe inside a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


__all__ = ["page_data", "render"]
