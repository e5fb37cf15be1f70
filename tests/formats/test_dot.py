"""The figure in DOT: Graphviz lays it out, and has every box, frame and arrow, whatever they are called."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from onnx import helper

from ptgraph import trace
from ptgraph.common import graphviz_program
from ptgraph.drawing.palettes import palette
from ptgraph.figure.options import FigureOptions
from ptgraph.formats.dot import render
from ptgraph.formats.flowchart import box_lines, chart
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.reading.read import graph_of_model
from tests.support.odd_names import Odd
from tests.support.small_onnx import model_of
from tests.support.zoo import graph_of

NAMES = ("<&\"'>", "&amp;", "\\N\\G\\l\\n", "<b>x</b>", "a:b", "node", "層", "x y", "{a|b}", "edge[", "\\", "//", "/*")


@pytest.fixture(scope="module")
def odd() -> ModelGraph:
    return trace(Odd(NAMES), torch.ones(1, 2))


def dot(graph: ModelGraph, options: Options) -> str:
    return b"".join(render(graph, options)["dot"]).decode()


def read(text: str) -> dict[str, Any]:
    """Return the graph as Graphviz has it, laid out."""
    found: dict[str, Any] = json.loads(graphviz_program.run(text, "json"))
    return found


@pytest.mark.parametrize("depth", [None, 1, 9])
@pytest.mark.parametrize("name", ["tiny", "transformer", "hostile", "odd"])
def test_graphviz_has_every_box_frame_and_arrow(
    name: str, depth: int | None, tiny: ModelGraph, odd: ModelGraph
) -> None:
    graph = {"tiny": tiny, "odd": odd}.get(name) or graph_of(name)
    made = chart(graph, Options(depth=depth))
    names = made.identifiers()
    laid = read(dot(graph, Options(depth=depth)))
    nodes = [item for item in laid["objects"] if "nodes" not in item]
    frames = {item["name"]: item for item in laid["objects"] if "nodes" in item}
    assert {item["name"] for item in nodes} == set(names.values()) - {names[frame] for frame in made.frames}
    assert set(frames) == {f"cluster_{names[frame]}" for frame in made.frames}
    for frame in made.frames:
        inside = {laid["objects"][number]["name"] for number in frames[f"cluster_{names[frame]}"]["nodes"]}
        assert {names[box] for box in made.inside(frame) if box not in made.frames} <= inside
    ends = [(nodes_[edge["tail"]], nodes_[edge["head"]]) for nodes_ in [laid["objects"]] for edge in laid["edges"]]
    assert [(tail["name"], head["name"]) for tail, head in ends] == [
        (names[arrow.source], names[arrow.target]) for arrow in made.arrows
    ]


def test_names_are_written_as_they_are(odd: ModelGraph) -> None:
    for depth in (1, 2):
        root = ElementTree.fromstring(graphviz_program.run(dot(odd, Options(depth=depth)), "svg"))
        whole = {"".join(text.itertext()).replace("\u2060", "").replace("\u00a0", " ") for text in root.iter()}
        for name in NAMES:
            assert name in whole, name


def test_a_box_says_what_the_chart_says(tiny: ModelGraph) -> None:
    root = ElementTree.fromstring(graphviz_program.run(dot(tiny, Options(depth=1)), "svg"))
    made = chart(tiny, Options(depth=1))
    texts = {"".join(text.itertext()) for text in root.iter()}
    for box in made.inside(made.root):
        assert set(box_lines(tiny, made.boxes[box], ("shapes", "params"))) <= texts


def test_options_say_how_it_looks(tiny: ModelGraph) -> None:
    for theme in ("paper", "screen", "dark"):
        laid = read(dot(tiny, Options(depth=1, figure=FigureOptions(theme=theme, direction="LR", font="Fira Sans"))))
        (head,) = (item for item in laid["objects"] if item["name"] == "head")
        look = palette(theme).style("Linear")
        assert (head["fillcolor"], head["color"]) == (look.fill, look.border)
        assert (laid["rankdir"], laid["fontname"]) == ("LR", "Fira Sans")
        left, bottom, right, top = map(float, laid["bb"].split(","))
        assert right - left > top - bottom


def test_a_name_that_looks_like_html_is_quoted() -> None:
    """Graphviz takes a value between angle brackets for HTML, and refuses such as is none."""
    names = ["<i>in</i>", "<b>", "</>", "<out>"]
    nodes = [helper.make_node("Relu", [a], [b], b) for a, b in pairwise(names)]
    graph = graph_of_model(model_of(nodes, {names[0]: [2]}, {names[-1]: [2]}), "<m>")
    laid = read(dot(graph, Options()))
    assert {item["tooltip"] for item in laid["objects"]} >= {"<i>in</i>", "<out>"}
    assert laid["tooltip"] == "<m>"
