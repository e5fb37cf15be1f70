"""Repetitions of other kinds than equal blocks in a row: each is drawn once, and no edge is lost or made up."""

from __future__ import annotations

from functools import cache
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array
from torch import nn

from ptgraph import trace
from ptgraph.figure.compose import figure
from ptgraph.figure.options import FigureOptions
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from ptgraph.graph.view.parallel import in_order
from ptgraph.onnx.reading.read import graph_of_model
from tests.graph.test_folding import check, said
from tests.support.figure_truth import torn
from tests.support.repeat_models import MODELS


@cache
def graph_of(name: str) -> ModelGraph:
    model, inputs = MODELS[name]
    return trace(model, *inputs)


PAIR = [("layers.0.0", 1), ("layers.0.1", 1)]
DOWNS = [("stem", 1), ("downs.0", 1), ("downs.1", 1), ("downs.2", 1)]
EXPECTED: dict[str, list[Any]] = {
    "pairs": [("layers.0–5", 6, PAIR)],
    "last has less": [("blocks.0–4", 5)],
    "streams": [("blocks.0–2", 3), ("blocks.3", 1)],  # the second stream does not end in the first three
    "last casts": [("blocks.0–4", 5)],
    "windows": [("blocks.0–5", 3, [("blocks.0", 1), ("blocks.1", 1)])],
    "residuals": [("0–7", 4, [("0", 1), ("1", 1)])],
    "siamese": [("encoder", 2), ("head", 1)],
    "experts": [("gate", 1), ("experts.0–7", 8, [("experts.0", 1)])],
    "stacked experts": [("gate", 1), ("experts.0–7", 8)],
    "ensemble": [("members.0–4", 5)],
    "heads": [*DOWNS, ("heads.0–3", 4)],
    "shared head": [*DOWNS, ("heads.0", 4)],
    "projections": [(f"linears.{k}", 1) for k in range(4)],
    "timed": [("embedding", 1), *[part for k in range(5) for part in ((f"stages.{k}.0–1", 2), (f"between.{k}", 1))]],
    "skip sum": [("blocks.0 … skips.4", 5, [("blocks.0", 1), ("skips.0", 1)])],
}


@pytest.mark.parametrize("name", MODELS)
def test_what_repeats_is_one_box_and_no_edge_is_lost(name: str) -> None:
    graph = graph_of(name)
    picture = view(graph)
    assert said(picture) == EXPECTED[name]
    check(graph, picture)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("depth", [1, 2, None, 9])
def test_the_figure_shows_every_way(name: str, depth: int | None) -> None:
    graph = graph_of(name)
    assert torn(graph, figure(graph, FigureOptions(), depth)) == []


def subtitles(name: str, *paths: str) -> list[str]:
    boxes = [box for box in view(graph_of(name)).boxes.values() if box.component in paths and box.kind == "module"]
    return [box.subtitle for box in boxes]


def test_members_of_a_pattern_say_what_tells_them_apart() -> None:
    assert subtitles("windows", "blocks.0", "blocks.1") == ["Block · window 3", "Block · no window"]
    assert subtitles("residuals", "0", "1") == ["Residual · Attention", "Residual · FeedForward"]
    assert subtitles("pairs", "layers.0.0", "layers.0.1") == ["Attention", "FeedForward"]  # their classes do


class Early(nn.Module):
    """Four equal layers, of which the value before the last is read: as the features of an image in LLaVA."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(4))
        self.head, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)

    def forward(self, x: torch.Tensor) -> Any:
        values = [x]
        for layer in self.layers:
            values.append(layer(values[-1]))
        return self.head(values[-2]), self.norm(values[-1])


def test_blocks_that_are_all_alike_do_not_alternate() -> None:
    graph = trace(Early(), torch.randn(1, 4))
    assert said(view(graph))[:2] == [("layers.0–2", 3), ("layers.3", 1)]
    check(graph, view(graph))


class Shifted(nn.Module):
    """A block as in Swin; its number, its rate and its dropout tell nothing of what it does."""

    def __init__(self, number: int, shift: tuple[int, int]) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.number, self.shift, self.rate = number, shift, number / 10
        self.drop = nn.Dropout(self.rate) if number else nn.Identity()

    def forward(self, x: torch.Tensor) -> Any:
        return self.drop(self.layer(torch.roll(x, self.shift, (1, 2)) if any(self.shift) else x))


@pytest.mark.parametrize("shifts", [((0, 0), (3, 3)), ((0, 0), (3, 3), (0, 0), (3, 3))])
def test_blocks_of_one_class_in_a_row_say_what_tells_them_apart(shifts: tuple[tuple[int, int], ...]) -> None:
    model = nn.Sequential(*(Shifted(number, shift) for number, shift in enumerate(shifts)))
    boxes = [box for box in view(trace(model, torch.randn(1, 8, 8, 4))).boxes.values() if box.title in ("0", "1")]
    assert [box.subtitle for box in boxes] == ["Shifted · shift 0×0", "Shifted · shift 3×3"]


def test_what_parallel_blocks_yield_is_added_up_at_once() -> None:
    for name in ("experts", "ensemble"):
        picture = view(graph_of(name))
        titles = [box.title for box in picture.boxes.values() if box.parent == "/"]
        assert titles.count("Σ") == 1 and "zeros_like" not in titles
        assert titles.count("add") == (name == "experts")  # the residual connection
    assert "Σ" not in {box.title for box in view(graph_of("skip sum")).boxes.values()}


def test_a_file_without_modules_has_the_block_that_repeats() -> None:
    rng = np.random.default_rng(0)
    nodes, weights = [], []
    for n in range(12):
        for part, (rows, columns) in {"a": (8, 16), "b": (16, 8)}.items():
            weights.append(from_array(rng.random((rows, columns), np.float32), f"{part}{n}"))
        nodes += [
            helper.make_node("MatMul", [f"x{n}", f"a{n}"], [f"wide{n}"]),
            helper.make_node("Sigmoid", [f"wide{n}"], [f"gate{n}"]),
            helper.make_node("Mul", [f"wide{n}", f"gate{n}"], [f"gated{n}"]),
            helper.make_node("MatMul", [f"gated{n}", f"b{n}"], [f"narrow{n}"]),
            helper.make_node("Add", [f"x{n}", f"narrow{n}"], [f"sum{n}"]),
            helper.make_node("Softmax", [f"sum{n}"], [f"x{n + 1}"]),
        ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 8]) for name in ("x0", "x12")]
    graph = graph_of_model(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)), "flat")
    picture = view(graph)
    (block,) = (box for box in picture.boxes.values() if box.kind == "pattern")
    assert (block.title, block.subtitle, block.repeat, len(block.parts)) == ("block", "6 operations", 12, 6)
    assert block.params == 12 * 2 * 8 * 16
    check(graph, picture)
    assert torn(graph, figure(graph, FigureOptions(), None)) == []


def test_an_order_that_there_is_not_is_left_as_it_is() -> None:
    flow: nx.DiGraph[str] = nx.DiGraph([("a", "b"), ("b", "c"), ("c", "d")])
    leaves = {"group": ["a", "c"], "other": ["b"], "last": ["d"]}
    order = ["other", "last", "group"]
    assert in_order(order, lambda parts: [leaf for part in parts for leaf in leaves[part]], flow) == order
    del leaves["group"][1]
    assert in_order(order, lambda parts: [leaf for part in parts for leaf in leaves[part]], flow) == [
        "last",
        "group",
        "other",
    ]
