"""The ONNX files in the real Netron, in a real Chromium, used with the mouse: modules open, weights have no boxes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import ptgraph
from ptgraph.graph.model import ModelGraph
from ptgraph.models import PRESETS
from tests.conftest import graph_of
from tests.models.small import SIZES, make, tokens

# Netron without a file, as netron.app is: one that is given a file at its start takes none after it, so no sidecar.
SERVE = "import netron, sys; netron.start(None, ('127.0.0.1', int(sys.argv[1])), browse=False); netron.wait()"
PATIENCE = 60_000  # milliseconds
MOST = 40  # boxes that one still takes in
FUNCTION = "ƒ"


class Netron:
    """Netron in a page. It forbids eval, so Playwright's evaluate() fails there; locators work."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.boxes = page.locator("#canvas #nodes > g")
        self.edges = page.locator("#canvas .edge-path")
        self.shapes = page.locator("#canvas .edge-label")
        self.steps = page.locator(".toolbar-path-name-button")
        page.get_by_role("button", name="Accept").click()

    def open(self, path: Path) -> None:
        """Open a file as the dialog does: a model, or the sidecar of the model that is open."""
        self.page.locator("#open-file-dialog").set_input_files(path)
        self.drawn()

    def drawn(self) -> None:
        expect(self.page.locator("body")).to_have_class("default", timeout=PATIENCE)

    def node(self, name: str) -> Locator:
        return self.page.locator(f'[id="node-name-{name}"]')

    def enter(self, name: str) -> None:
        """Click on the ƒ of a node, and wait for the page of its function."""
        before = self.steps.count()
        self.node(name).get_by_text(FUNCTION, exact=True).click()
        expect(self.steps).to_have_count(before + 1)
        self.drawn()

    def leave(self) -> None:
        """Click on the arrow that leads up."""
        before = self.steps.count()
        self.page.locator("#toolbar-path-back-button").click()
        expect(self.steps).to_have_count(before - 1)
        self.drawn()

    def said(self, click: Locator, title: str) -> dict[str, dict[str, str]]:
        """Click on something, and return what the sidebar says then: heading → name → text."""
        click.click()
        expect(self.page.locator("#sidebar-title")).to_have_text(title, ignore_case=True)
        found: dict[str, dict[str, str]] = {"": {}}
        for row in self.page.locator(".sidebar-object > *").all():
            if row.get_attribute("class") == "sidebar-section":
                found[str(row.text_content())] = {}
            else:
                value = str(row.locator(".sidebar-item-value-list").text_content())
                found[list(found)[-1]][row.locator("input").input_value()] = value
        self.page.locator("#sidebar-closebutton").click()
        return found

    def said_of(self, name: str) -> dict[str, dict[str, str]]:
        return self.said(self.node(name).locator("text").first, "Node Properties")


def texts(box: Locator) -> list[str]:
    return [str(text.text_content()) for text in box.locator("text").all()]


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where Netron is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    output = subprocess.DEVNULL
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(port)], stdout=output, stderr=output)
    try:
        for _ in range(100):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def netron(browser: Browser, address: str) -> Iterator[Netron]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(address, wait_until="load")
    yield Netron(page)
    page.context.close()


Writer = Callable[..., tuple[Path, onnx.ModelProto]]


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory, tiny: ModelGraph) -> Writer:
    """Export one of three models, and return the file and what it holds."""
    small = ptgraph.trace(make(num_layers=3), tokens(2, 16), name="small")
    graphs = {"small": small, "tiny": tiny, "medium": graph_of("medium")}

    def written(name: str, **options: Any) -> tuple[Path, onnx.ModelProto]:
        path = tmp_path_factory.mktemp(name) / f"{name}.onnx"
        ptgraph.export(graphs[name], path.parent, "onnx", **options)
        return path, onnx.load(path)

    return written


def functions_of(proto: onnx.ModelProto) -> dict[tuple[str, str], onnx.FunctionProto]:
    return {(function.domain, function.name): function for function in proto.functions}


def boxes_of(page: onnx.GraphProto | onnx.FunctionProto) -> int:
    """Return how many boxes a page has without any for a weight of the main graph: a constant is on its reader."""
    nodes = [node for node in page.node if node.op_type != "Constant"]
    return len(nodes) + len(page.input) + len(page.output)


def weights_of(proto: onnx.ModelProto) -> dict[str, list[int]]:
    """Return the shapes of all that stands in the file, with values or without."""
    sparse = {tensor.values.name: list(tensor.dims) for tensor in proto.graph.sparse_initializer}
    return sparse | {tensor.name: list(tensor.dims) for tensor in proto.graph.initializer}


def words(node: onnx.NodeProto, proto: onnx.ModelProto) -> list[str]:
    """Return what must be written on a node: each weight that it reads, by its name inside, and its shape."""
    function = functions_of(proto).get((node.domain, node.op_type))
    names = function.input if function else [i.name for i in onnx.defs.get_schema(node.op_type).inputs]
    shapes = weights_of(proto)
    return [
        f"{name}〈{'×'.join(map(str, shapes[given]))}〉"
        for name, given in zip(names, node.input, strict=False)
        if given in shapes
    ]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("medium", {}),
        ("small", {"weights": "embedded"}),
        ("small", {"weights": "external"}),
        ("tiny", {"structure": "flat"}),
    ],
    ids=str,
)
def test_the_first_page_has_each_weight_on_its_node_and_no_box_for_one(
    netron: Netron, write: Writer, name: str, options: dict[str, str]
) -> None:
    path, proto = write(name, **options)
    netron.open(path)
    expect(netron.boxes).to_have_count(boxes_of(proto.graph))
    for node in proto.graph.node:
        shown = texts(netron.node(node.name))
        assert shown[0] == node.op_type
        for word in words(node, proto):
            assert any(text.endswith(word) for text in shown), (node.name, word, shown)
    wanted = {name for node in proto.graph.node for name in node.input}
    assert set(weights_of(proto)) <= wanted


def test_the_first_page_of_a_large_model_is_its_modules(netron: Netron, write: Writer) -> None:
    path, proto = write("medium")
    netron.open(path)
    assert netron.boxes.count() <= MOST
    blocks = [node.name for node in proto.graph.node if node.op_type == "TransformerBlock"]
    assert blocks == [f"layers.{k}" for k in range(PRESETS["medium"].num_layers)]
    for block in blocks:
        assert FUNCTION in texts(netron.node(block))


def test_a_module_opens_level_by_level_down_to_an_operation(netron: Netron, write: Writer) -> None:
    path, proto = write("medium")
    netron.open(path)
    shown: onnx.GraphProto | onnx.FunctionProto = proto.graph
    entered = []
    for name in ("layers.0", "layers.*.attention", "layers.*.attention.q_proj"):
        (node,) = [node for node in shown.node if node.name == name]
        netron.enter(name)
        entered.append(node.op_type)
        assert [step.text_content() for step in netron.steps.all()] == entered
        shown = functions_of(proto)[node.domain, node.op_type]
        operations = [node.op_type for node in shown.node if node.op_type != "Constant"]
        titles = [texts(box)[0] for box in netron.boxes.all()]
        assert sorted(titles) == sorted([*operations, *shown.input, *shown.output])
        assert netron.shapes.count() == netron.edges.count() > 0
    assert "MatMul" in operations
    for _ in entered:
        netron.leave()
    expect(netron.boxes).to_have_count(boxes_of(proto.graph))


def test_every_block_opens_and_all_share_one_page(netron: Netron, write: Writer) -> None:
    path, proto = write("small")
    netron.open(path)
    pages = []
    for block in [node.name for node in proto.graph.node if node.op_type == "TransformerBlock"]:
        netron.enter(block)
        pages.append([texts(box) for box in netron.boxes.all()])
        netron.leave()
    assert pages == SIZES["num_layers"] * pages[:1]
    assert {title for title, *_ in pages[0]} >= {"Attention", "SwiGLU"}


def test_the_numbers_of_the_sidecar_are_in_the_sidebar(netron: Netron, write: Writer, tiny: ModelGraph) -> None:
    path, _ = write("tiny")
    sidecar = path.with_suffix(".netron.json")
    expected: dict[tuple[str, str], dict[str, str]] = {}
    data = json.loads(sidecar.read_text(encoding="utf-8"))
    for entry in data["metrics"] + data["metadata"]:
        expected.setdefault((entry["kind"], entry["target"]), {})[entry["name"]] = entry["value"]
    netron.open(path)
    assert "Metrics" not in netron.said_of("layers.3")
    netron.open(sidecar)

    block = tiny.component("layers.3")
    said = netron.said_of("layers.3")["Metrics"]
    assert said == expected["node", "layers.3"]
    assert (said["parameters"], said["FLOPs"]) == (f"{block.total_params:,}", f"{block.flops:,}")

    root = tiny.component("")
    said = netron.said(netron.page.locator("#sidebar-model-button"), "Model Properties")["Metrics"]
    assert said == {"parameters": f"{root.total_params:,}", "FLOPs": f"{root.flops:,}"} == expected["model", ""]

    netron.enter("layers.3")
    for name in ("layers.*.attention", "layers.*.attention_norm"):
        assert netron.said_of(name)["Metrics"] == expected["node", name]
    said = netron.said(netron.page.locator("#sidebar-target-button"), "Function Properties")["Metadata"]
    assert said == expected["graph", "TransformerBlock"]
    assert said["run parameters"] == f"{block.total_params:,}"
