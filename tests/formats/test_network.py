"""GraphML, GEXF and Cytoscape's JSON: networkx reads back what was written, and each has all that the graph has."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import pytest
import torch
from playwright.sync_api import Browser
from torch import nn

import ptgraph
from ptgraph.formats.network import cytoscape, gexf, graphml
from ptgraph.formats.network.graph import network
from ptgraph.formats.options import Options
from ptgraph.graph.model import Component, ModelGraph, Op
from ptgraph.graph.recorded_pipelines import recorded
from tests.conftest import ROOT
from tests.support.zoo import graph_of

GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"
GEXF = "{http://www.gexf.net/1.2draft}"
YED = "{http://www.yworks.com/xml/graphml}"


class Odd(nn.Module):
    """Names and settings that XML cannot hold as they are."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("bell\x07", "bell\\u0007", "<&\"'>\u2028", "line\nfeed\r\ttab", "half \ud800"):
            self.add_module(name, nn.Linear(2, 2))
        self.text = "a bell \x07, half a pair \ud800, and </data>"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.children():
            x = part(x)
        return x


MODELS: dict[str, Callable[[], ModelGraph]] = {
    "odd": lambda: ptgraph.trace(Odd(), torch.zeros(1, 2)),
    **{name: partial(graph_of, name) for name in ("hostile", "names", "reuse", "unused", "tied", "while", "itself")},
    "pipeline": lambda: recorded("grpo"),
}


@pytest.fixture(scope="module", params=["tiny", *MODELS])
def graph(request: pytest.FixtureRequest, tiny: ModelGraph) -> ModelGraph:
    return tiny if request.param == "tiny" else MODELS[request.param]()


def bytes_of(backend: Any, graph: ModelGraph) -> bytes:
    (chunks,) = backend.render(graph, Options()).values()
    return b"".join(chunks)


def check_equal(read: Any, written: Any) -> None:
    assert type(read) is nx.DiGraph
    assert dict(read.nodes(data=True)) == dict(written.nodes(data=True))
    assert {(s, t): e for s, t, e in read.edges(data=True)} == {(s, t): e for s, t, e in written.edges(data=True)}


def unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)


def record(kind: type, node: dict[str, Any]) -> Any:
    """Return the record of the schema that a node was written from, by what the module says of its values."""
    found = {}
    for field in fields(kind):
        value = node.get(field.name)
        if field.name in ("shape", "attributes", "tied", "settings") and value is not None:
            value = json.loads(value)
        elif isinstance(value, str):
            value = unescaped(value)
        found[field.name] = value
    return kind(**found)


def listed(value: Any) -> Any:
    """Return *value* as JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(value, sort_keys=True))


def test_every_attribute_and_the_tree_can_be_had_back_from_graphml(graph: ModelGraph) -> None:
    read = nx.read_graphml(BytesIO(bytes_of(graphml, graph)))
    modules = {name: node for name, node in read.nodes(data=True) if node["kind"] == "module"}
    components = {unescaped(name)[1:]: record(Component, node) for name, node in modules.items()}
    assert {path: listed(_fields(c)) for path, c in components.items()} == {
        path: listed(_fields(graph.component(path))) for path in graph.components
    }
    ops = {unescaped(name): record(Op, node) for name, node in read.nodes(data=True) if name not in modules}
    assert {name: listed(_fields(op)) for name, op in ops.items()} == {
        name: listed(_fields(graph.op(name))) for name in graph.ops
    }
    parents = {unescaped(name)[1:]: unescaped(node["parent"])[1:] for name, node in modules.items() if "parent" in node}
    assert parents == {child: parent for parent, child in graph.components.edges}
    for name, op in ops.items():
        home = unescaped(read.nodes[name]["parent"])[1:]
        assert home == (op.scope if op.kind not in ("parameter", "buffer") else op.target.rpartition(".")[0])
    edges = {(unescaped(s), unescaped(t)): json.loads(e["slots"]) for s, t, e in read.edges(data=True)}
    assert edges == {(s, t): list(e["slots"]) for s, t, e in graph.ops.edges(data=True)}


def _fields(of: Any) -> dict[str, Any]:
    return {field.name: getattr(of, field.name) for field in fields(of)}


def test_networkx_reads_graphml_back_equal(graph: ModelGraph) -> None:
    written = network(graph)
    read = nx.read_graphml(BytesIO(bytes_of(graphml, graph)))
    check_equal(read, written)
    assert read.graph["name"] == written.graph["name"]


def test_networkx_reads_gexf_back_equal(graph: ModelGraph) -> None:
    written = gexf.gexf_network(graph)
    read: Any = nx.read_gexf(BytesIO(bytes_of(gexf, graph)))
    check_equal(read, written)
    assert read.graph["name"] == written.graph["name"]
    relations = Counter(relation for *_, relation in read.edges(data="relation"))
    assert relations["feeds"] == graph.ops.number_of_edges()
    assert relations["contains"] == len(graph.components) - 1 + len(graph.ops)


def test_networkx_reads_cytoscape_back_with_the_same_tree(graph: ModelGraph) -> None:
    written: Any = network(graph)
    read: Any = nx.cytoscape_graph(json.loads(bytes_of(cytoscape, graph)))
    assert dict(read.nodes(data="parent")) == dict(written.nodes(data="parent"))
    for name, node in written.nodes(data=True):
        assert {key: value for key, value in node.items() if key not in ("x", "y")}.items() <= read.nodes[name].items()
    for source, target, edge in written.edges(data=True):
        assert edge.items() <= read.edges[source, target].items()


def test_frames_hold_their_parts_and_nothing_overlaps(graph: ModelGraph) -> None:
    found: Any = network(graph)
    corners = {
        name: (n["x"] - n["width"] / 2, n["y"] - n["height"] / 2, n["x"] + n["width"] / 2, n["y"] + n["height"] / 2)
        for name, n in found.nodes(data=True)
    }
    parts: dict[str, list[str]] = {}
    for name, parent in found.nodes(data="parent"):
        parts.setdefault(parent, []).append(name)
    for parent, inside in parts.items():
        for name in inside:
            left, top, right, bottom = corners[name]
            if parent is not None:
                around = corners[parent]
                assert around[0] < left < right < around[2] and around[1] < top < bottom < around[3]
            for other in inside[: inside.index(name)]:
                a, b, c, d = corners[other]
                assert left >= c or a >= right or top >= d or b >= bottom, (name, other)


def test_graphml_has_the_groups_of_yed(tiny: ModelGraph) -> None:
    document = ElementTree.fromstring(bytes_of(graphml, tiny))
    nodes = {node.get("id"): node for node in document.iter(f"{GRAPHML}node")}
    drawn: Any = network(tiny)
    groups = {name for name, node in nodes.items() if node.get("yfiles.foldertype") == "group"}
    assert groups == {name for name, node in drawn.nodes(data=True) if node["kind"] == "module"}
    for name in groups:
        (inner,) = nodes[name].findall(f"{GRAPHML}graph")
        assert {part.get("id") for part in inner.findall(f"{GRAPHML}node")} == {
            part for part, parent in drawn.nodes(data="parent") if parent == name
        }
    labels = [next(nodes[name].iter(f"{YED}NodeLabel")).text for name in ("/", "/layers.0.attention", "linear")]
    assert labels == ["tiny · TransformerLM", "attention · Attention", "linear"]
    keys = {key.get("id"): key.get("yfiles.type") for key in document.iter(f"{GRAPHML}key")}
    assert {key for key, kind in keys.items() if kind} == {"nodegraphics", "edgegraphics"}


def test_gexf_has_labels_and_colours_and_no_date(tiny: ModelGraph) -> None:
    text = bytes_of(gexf, tiny)
    document = ElementTree.fromstring(text)
    assert all(node.get("label") for node in document.iter(f"{GEXF}node"))
    viz = "{http://www.gexf.net/1.2draft/viz}"
    assert len(list(document.iter(f"{viz}color"))) == len(tiny.ops) + len(tiny.components)
    assert [dict(meta.attrib) for meta in document.iter(f"{GEXF}meta")] == [{}]
    seen: set[str | None] = set()
    for node in document.iter(f"{GEXF}node"):  # Gephi wants a parent before its parts
        assert node.get("pid") is None or node.get("pid") in seen
        seen.add(node.get("id"))


def test_cytoscape_itself_opens_it(tiny: ModelGraph, browser: Browser) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_content('<div id="place" style="width: 900px; height: 900px"></div>')
    page.add_script_tag(path=ROOT / "node_modules/cytoscape/dist/cytoscape.min.js")
    page.evaluate(
        "({elements}) => { window.cy = cytoscape({container: place, elements, layout: {name: 'preset'}}) }",
        json.loads(bytes_of(cytoscape, tiny)),
    )
    counts = page.evaluate("[cy.nodes().length, cy.edges().length, cy.nodes(':parent').length]")
    assert counts == [len(tiny.ops) + len(tiny.components), tiny.ops.number_of_edges(), len(tiny.components)]
    assert page.evaluate("cy.nodes(':orphan').map(node => node.id())") == ["/"]
    inside = page.evaluate("cy.getElementById('/layers.0').children().map(node => node.id())")
    paths = {f"/{path}" for path in tiny.components.successors("layers.0")}
    assert set(inside) == paths | {name for name in tiny.ops if tiny.op(name).scope == "layers.0"}
    (edge,) = page.evaluate('cy.edges(\'[target = "linear"][source $= "weight"]\').map(edge => edge.data())')
    assert json.loads(edge["shape"]) == list(tiny.op(edge["source"]).shape or ())
    spot = page.evaluate("cy.getElementById('linear').position()")
    assert (spot["x"], spot["y"]) == tuple(network(tiny).nodes["linear"][axis] for axis in "xy")
    assert said == []
    context.close()
