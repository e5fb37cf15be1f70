"""The graph in the real TensorBoard: its graph plugin reads the files, and its graph tab draws them in Chromium."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from google.protobuf import text_format
from playwright.sync_api import Browser, Locator, Page, expect
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.graph.graphs_plugin import GraphsPlugin
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.errors import ExportError
from ptgraph.formats.export import export
from ptgraph.formats.options import Options
from ptgraph.formats.tensorboard import graph_def, render
from ptgraph.graph.model import ModelGraph
from tests.support.viewer_servers import PATIENCE, served, visiting
from tests.support.zoo import ZOO, graph_of

NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\-/]*")  # what TensorFlow takes


class Reader:
    """TensorBoard's own reader of a folder."""

    def __init__(self, folder: Path) -> None:
        runs = EventMultiplexer()
        runs.AddRunsFromDirectory(str(folder))
        runs.Reload()
        provider = MultiplexerDataProvider(runs, str(folder))
        self.plugin = GraphsPlugin(TBContext(logdir=str(folder), data_provider=provider))

    def tags(self) -> set[str]:
        (run,) = self.plugin.info_impl(RequestContext(), "all").values()
        return set(run["tags"])

    def graph(self, tag: str) -> GraphDef:
        text, _ = self.plugin.graph_impl(RequestContext(), ".", tag, False, "all")
        found: GraphDef = text_format.Parse(text, GraphDef())
        return found


def test_tensorboard_keeps_the_graphs_of_a_folder_apart(tiny: ModelGraph, tmp_path: Path) -> None:
    graphs = {graph.name: graph for graph in (tiny, graph_of("transformer"), graph_of("hostile"))}
    for graph in graphs.values():
        export(graph, tmp_path, "tensorboard").complain()
    reader = Reader(tmp_path)
    assert reader.tags() == set(graphs)
    for name, graph in graphs.items():
        found = reader.graph(name)
        assert found == graph_def(graph)
        assert len(found.node) > 50


@pytest.mark.parametrize("name", ["tiny", *ZOO])
def test_names_are_those_that_tensorflow_takes(name: str, tiny: ModelGraph) -> None:
    graph = tiny if name == "tiny" else graph_of(name)
    nodes = {node.name: node for node in graph_def(graph).node}
    scopes = {node.rpartition("/")[0] for node in nodes}
    assert len(nodes) == len(graph_def(graph).node)
    assert all(NAME.fullmatch(node) for node in nodes)
    assert not scopes & set(nodes)
    read = {source.partition(":")[0] for node in nodes.values() for source in node.input}
    assert read <= set(nodes)
    drawn = [op for op in graph.ops if graph.ops.nodes[op]["kind"] in ("input", "op", "output")]
    stored = [node for node in nodes.values() if node.op in ("Parameter", "Buffer", "Const")]
    assert len(nodes) == len(drawn) + len(stored)


def test_scopes_are_the_modules(tiny: ModelGraph) -> None:
    nodes = {node.name: node for node in graph_def(tiny).node}
    linear = nodes["layers.3/attention/q_proj/linear"]
    assert linear.op == "linear"
    assert list(linear.input) == ["layers.3/attention_norm/rms_norm", "layers.3/attention/q_proj/weight"]
    (shape,) = linear.attr["_output_shapes"].list.shape
    assert [dimension.size for dimension in shape.dim] == [2, 16, 512]
    assert linear.attr["module"].s == b"layers.3.attention.q_proj"
    assert linear.attr["parameters"].i == 512 * 512
    assert nodes["layers.3/attention/q_proj/weight"].op == "Parameter"
    assert nodes["input_ids"].op == "Placeholder"


def test_a_dimension_that_varies_has_no_size(tiny_dynamic: ModelGraph) -> None:
    (node,) = (node for node in graph_def(tiny_dynamic).node if node.op == "Placeholder")
    (shape,) = node.attr["_output_shapes"].list.shape
    assert [(dimension.size, dimension.name) for dimension in shape.dim] == [(-1, "batch"), (-1, "sequence")]


def test_inputs_are_in_the_order_of_arguments() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            low, high = x.split([1, 3])
            return torch.cat([high, low, high])

    nodes = {node.op: node for node in graph_def(trace(Twice(), torch.ones(4, 2))).node}
    (split,) = (node for node in nodes.values() if "split" in node.op)
    assert list(nodes["cat"].input) == [f"{split.name}:1", split.name, f"{split.name}:1"]
    assert [[d.size for d in shape.dim] for shape in split.attr["_output_shapes"].list.shape] == [[1, 2], [3, 2]]


def node(page: Page, name: str) -> Locator:
    return page.locator(f'g.node[data-name="{name}"]')


def fill(page: Page, name: str) -> str:
    return str(node(page, name).locator(".nodecolortarget").first.evaluate("(shape) => shape.style.fill"))


def test_the_graph_tab_draws_it(tiny: ModelGraph, browser: Browser, tmp_path: Path) -> None:
    export(tiny, tmp_path, "tensorboard").complain()
    program = str(Path(sys.executable).parent / "tensorboard")
    with (
        served(tmp_path / "log", program, "--logdir", str(tmp_path), "--port", "PORT") as address,
        visiting(browser, address) as page,
    ):
        page.goto(f"{address}/#graphs")
        expect(node(page, "layers.3")).to_be_visible(timeout=PATIENCE * 1000)
        top = {name.partition("/")[0] for name in (n.name for n in graph_def(tiny).node)}
        for name in top - {"rope"}:  # that, which all layers read, stands at the side
            expect(node(page, name)).to_have_count(1)
        node(page, "layers.3").locator("text.nodelabel").first.dblclick(force=True)
        for name in ("attention_norm", "attention", "feed_forward_norm", "feed_forward", "add", "add.2"):
            expect(node(page, f"layers.3/{name}")).to_have_count(1)
        assert fill(page, "layers.3/attention_norm") == fill(page, "layers.3/feed_forward_norm") == fill(page, "norm")
        assert fill(page, "norm") != fill(page, "head")


def test_without_the_package_the_error_says_what_to_install(tiny: ModelGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.config_pb2", None)
    with pytest.raises(ExportError, match=r"pip install 'ptgraph\[tensorboard\]'"):
        render(tiny, Options())
