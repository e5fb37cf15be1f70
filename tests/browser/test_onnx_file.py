"""The page of an ONNX file: what the file says of itself and its nodes is read and found."""

from __future__ import annotations

from pathlib import Path

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import Browser

from ptgraph.formats.html import render
from ptgraph.formats.json import document
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.reading.read import graph_of_model
from tests.support.browser_page import visiting

MODEL = {
    "ir_version": 8,
    "opsets": {"ai.onnx": 17},
    "producer": "acme 9.9",
    "domain": "ai.acme",
    "version": 7,
    "graph": "the_graph",
    "graph_doc": "Three layers.",
    "doc": "A model of a test.",
    "metadata": {"licence": "MIT"},
}


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    """Three equal layers, with names, documentation and metadata."""
    nodes, weights, value = [], [], "x"
    for k in range(3):
        weight = numpy_helper.from_array(numpy.zeros((4, 4), numpy.float32), f"layers.{k}.weight")
        weight.doc_string = f"weight number {k}"
        weights.append(weight)
        inner, outer = f"product_{k}", f"hidden_{k}"
        nodes.append(helper.make_node("MatMul", [value, weight.name], [inner], f"/layers.{k}/MatMul"))
        nodes.append(helper.make_node("Relu", [inner], [outer], f"/layers.{k}/Relu", doc_string=f"rectifies {k}"))
        value = outer
    nodes[-1].metadata_props.add(key="quantised", value="no")
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4], doc_string="what goes in")
    result = helper.make_tensor_value_info(value, TensorProto.FLOAT, [2, 4])
    inside = helper.make_graph(nodes, "the_graph", [given], [result], weights, doc_string="Three layers.")
    model = helper.make_model(
        inside,
        producer_name="acme",
        producer_version="9.9",
        domain="ai.acme",
        model_version=7,
        doc_string="A model of a test.",
        ir_version=8,
        opset_imports=[helper.make_opsetid("", 17)],
    )
    helper.set_model_props(model, {"licence": "MIT"})
    onnx.checker.check_model(model)
    return graph_of_model(model, "told")


def test_the_graph_and_the_json_have_what_the_file_says(graph: ModelGraph) -> None:
    assert document(graph)["file"] == graph.file
    assert graph.file["model"] == MODEL
    ops = graph.file["ops"]
    assert ops["x"] == {"doc": "what goes in"}
    assert ops["layers.1/Relu"] == {"node": "/layers.1/Relu", "outputs": ["hidden_1"], "doc": "rectifies 1"}
    assert ops["layers.2/Relu"]["metadata"] == {"quantised": "no"}
    assert graph.file["parameters"]["layers.2.weight"] == {"doc": "weight number 2"}
    assert set(ops) <= set(graph.ops)


def test_the_page_says_it_and_finds_it(browser: Browser, tmp_path: Path, graph: ModelGraph) -> None:
    file = tmp_path / "told.html"
    file.write_bytes(b"".join(render(graph, Options())["html"]))
    with visiting(browser) as go:
        page = go(file)
        said = page.details()
        for text in ("acme 9.9", "ai.onnx 17", "IR version", "A model of a test.", "Three layers.", "licence", "MIT"):
            assert text in said
        for typed, shown in {
            "what goes in": "what goes in",
            "/layers.0/MatMul": "/layers.0/MatMul",
            "product_0": "product_0",
            "hidden_1": "hidden_1",  # of a layer that is folded into the first
            "rectifies 2": "rectifies 2",
            "quantised=no": "quantised",
        }.items():
            page.page.fill("#search", typed)
            page.page.keyboard.press("Enter")
            assert shown in page.details(), typed
        page.page.fill("#search", "acme")
        page.page.keyboard.press("Enter")
        assert page.selected() is None  # the model itself
        assert "acme 9.9" in page.details()
