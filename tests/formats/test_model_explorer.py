"""The graph in the real Model Explorer: its own server, and a real Chromium that reaches nothing else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import torch
from playwright.sync_api import Browser
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.drawing.palettes import style
from ptgraph.formats.model_explorer import collection, render
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from tests.support.viewer_servers import PATIENCE, served, visiting
from tests.support.zoo import graph_of

# What Model Explorer has made of the graph, by the names of its own schema.
MODEL = "Object.values(me_test.renderers)[0]?.curModelGraph"


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Model Explorer's server."""
    program = str(Path(sys.executable).parent / "model-explorer")
    log = tmp_path_factory.mktemp("explorer") / "log"
    with served(log, program, "--no_open_in_browser", "--skip_health_check", "--port", "PORT") as address:
        yield address


def opened(browser: Browser, address: str, graph: ModelGraph, folder: Path) -> list[dict[str, Any]]:
    """Open the file of *graph* as a person would, and return the nodes that Model Explorer has then."""
    path = folder / "graph.model-explorer.json"
    path.write_bytes(b"".join(render(graph, Options())["model-explorer.json"]))
    with visiting(browser, address) as page:
        page.goto(f"{address}/?data={quote(json.dumps({'models': [{'url': str(path)}]}))}")
        page.wait_for_function(f"window.me_test && {MODEL}", timeout=PATIENCE * 1000)
        page.locator("webgl-renderer canvas").first.wait_for()
        nodes: list[dict[str, Any]] = page.evaluate(f"{MODEL}.nodes")
        return nodes


@pytest.mark.parametrize("name", ["tiny", "transformer", "hostile", "reuse"])
def test_model_explorer_opens_it(name: str, explorer: str, browser: Browser, tiny: ModelGraph, tmp_path: Path) -> None:
    graph = tiny if name == "tiny" else graph_of(name)
    nodes = {node["id"]: node for node in opened(browser, explorer, graph, tmp_path)}
    (sent,) = collection(graph)["graphs"]
    layers = {path for path in sent["groupNodeAttributes"] if path}
    assert {node for node in nodes if not node.endswith("___group___")} == {node["id"] for node in sent["nodes"]}
    assert {node.removesuffix("___group___") for node in nodes if node.endswith("___group___")} == layers
    for node in sent["nodes"]:
        shown = nodes[node["id"]]
        assert shown["namespace"] == node["namespace"]
        assert shown["label"] == node["label"]
        assert [edge["sourceNodeId"] for edge in shown.get("incomingEdges", [])] == [
            edge["sourceNodeId"] for edge in node["incomingEdges"]
        ]


def test_a_module_with_one_operation_is_its_node(tiny: ModelGraph) -> None:
    (sent,) = collection(tiny)["graphs"]
    nodes = {(node["namespace"], node["label"]): node for node in sent["nodes"]}
    query = nodes["layers.3/attention", "q_proj"]
    look = style("Linear")
    assert query["style"] == {"backgroundColor": look.fill, "borderColor": look.border}
    says = {pair["key"]: pair["value"] for pair in query["attrs"]}
    assert says["weight"] == "parameter layers.3.attention.q_proj.weight, float32 512×512"
    assert says["operator"] == "aten.linear.default"
    assert says["class"] == "torch.nn.modules.linear.Linear"
    assert says["parameters"] == "262,144"
    shape = {pair["key"]: pair["value"] for pair in query["outputsMetadata"][0]["attrs"]}
    assert shape == {"tensor_shape": "2×16×512", "dtype": "float32"}
    assert sum(node["label"].endswith("_proj") for node in sent["nodes"]) == 12 * 7


def test_a_layer_says_what_its_module_is(tiny: ModelGraph) -> None:
    (sent,) = collection(tiny)["graphs"]
    says = sent["groupNodeAttributes"]["layers.3/attention"]
    component = tiny.component("layers.3.attention")
    assert says["category"] == "Attention"
    assert says["parameters"] == f"{component.total_params:,}"
    assert says["FLOPs"] == f"{component.flops:,}"
    assert sent["groupNodeAttributes"][""]["parameters"] == f"{tiny.component('').total_params:,}"


@pytest.mark.parametrize("name", ["tiny", "transformer", "hostile"])
def test_a_layer_has_the_colours_of_its_category(name: str, tiny: ModelGraph) -> None:
    (sent,) = collection(tiny if name == "tiny" else graph_of(name))["graphs"]
    layers = {path: says["category"] for path, says in sent["groupNodeAttributes"].items() if path}
    assert layers
    for path, category in layers.items():
        plain = path.replace("\\/", "/")
        rule = next(rule for rule in sent["groupNodeConfigs"] if re.search(rule["namespaceRegex"], plain))
        assert rule["backgroundColor"] == style(category).fill
    if name == "tiny":
        assert len(json.dumps(sent["groupNodeConfigs"])) < 1000  # a pattern for all layers, not one each


def test_layers_alike_but_for_their_category_keep_their_colours() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part0, self.part1 = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.MultiheadAttention(4, 1)

        def forward(self, x: Tensor) -> Any:
            return self.part1(self.part0(x), x, x)[0]

    (sent,) = collection(trace(Odd(), torch.ones(2, 4)))["graphs"]
    fills = {
        path: next(
            rule["backgroundColor"] for rule in sent["groupNodeConfigs"] if re.search(rule["namespaceRegex"], path)
        )
        for path in ("part0", "part1")
    }
    assert fills == {"part0": style("Container").fill, "part1": style("Attention").fill}


def test_every_slot_is_an_edge_of_its_own() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            low, high = x.chunk(2)
            return torch.cat([high, low, high])

    (sent,) = collection(trace(Twice(), torch.ones(4, 2)))["graphs"]
    (cat,) = (node for node in sent["nodes"] if node["label"] == "cat")
    edges = [(e["targetNodeInputId"], e["sourceNodeOutputId"]) for e in cat["incomingEdges"]]
    assert edges == [("0", "1"), ("1", "0"), ("2", "1")]
