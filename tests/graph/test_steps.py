"""Steps of solvers, recurrences and samplers, which a loop calls again and again: one box with its count."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.figure.compose import figure
from ptgraph.figure.options import FigureOptions
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from tests.graph.test_folding import check, said
from tests.support.figure_truth import torn
from tests.support.step_models import MODELS, RungeKutta


@cache
def graph_of(name: str) -> ModelGraph:
    model, inputs = MODELS[name]
    return trace(model, *inputs)


CALLS = [("field", 1), ("field (2nd call)", 1), ("field (3rd call)", 1), ("field (4th call)", 1)]
FLOW = [
    ("features", 1),
    ("features (2nd call)", 1),
    ("motion … head", 12, [("motion", 1), ("update", 1), ("head", 1)]),
]
EXPECTED: dict[str, list[Any]] = {
    "euler": [("field", 20, CALLS[:1])],
    "runge kutta": [("field", 20, CALLS)],
    "trajectory": [("field", 20, CALLS)],
    "inside": [("first", 1), ("solver", 1), ("last", 1)],
    # nobody reads the time and the size after the last step, so it has no operations for them
    "adaptive": [("field", 7, CALLS[:2]), ("field (15th call)", 1), ("field (16th call)", 1)],
    "fixed point": [("encoder", 1), ("map", 15, [("map", 1)]), ("head", 1)],
    "cells": [("cell … head", 12, [("cell", 1), ("head", 1)])],
    "optical flow": FLOW,
    "stacked flow": FLOW,
    "sampler": [("unet", 10, [("unet", 1)])],
    "sampler with buffer": [("unet", 10, [("unet", 1)])],
    "guided": [("unet", 10, [("unet", 1), ("unet (2nd call)", 1)])],
    "refined": [("layers.0 … head", 6, [("layers.0", 1), ("head", 1)])],
}


@pytest.mark.parametrize("name", MODELS)
def test_a_step_is_one_box_and_no_edge_is_lost(name: str) -> None:
    graph = graph_of(name)
    picture = view(graph)
    assert said(picture) == EXPECTED[name]
    check(graph, picture)


def test_a_solver_inside_of_another_module_takes_one_step_too() -> None:
    assert said(view(graph_of("inside")), "/solver") == [("field", 20, CALLS)]


def test_what_each_step_makes_from_no_input_is_in_the_step() -> None:
    picture = view(graph_of("sampler"))
    titles = [picture.boxes[part].title for part in next(b.parts for b in picture.boxes.values() if b.repeat == 10)]
    assert titles[:2] == ["full", "unet"]
    assert "full" not in [picture.boxes[part].title for part in picture.boxes["/"].parts]


def test_a_step_that_gives_a_result_is_drawn_once_with_a_line_to_each() -> None:
    picture = view(graph_of("optical flow"))
    last = {link.source for link in picture.links if picture.boxes[link.target].kind == "output"}
    assert len(last) == 1 and picture.boxes[picture.boxes[last.pop()].parent or ""].repeat == 12


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("depth", [1, 2, None, 9])
def test_the_figure_shows_every_way(name: str, depth: int | None) -> None:
    graph = graph_of(name)
    assert torn(graph, figure(graph, FigureOptions(), depth)) == []


class Estimate(nn.Module):
    """A chain of operations on several values between two layers: too many to be boxes of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Any:
        y = z = self.first(x)
        for k in range(2, 40):
            y = torch.sin(y) * z if k % 3 else torch.cos(y) - z.abs().pow(k)
        _ = (y > 0) & (z > 1)
        return self.last(y)


def test_a_figure_that_would_be_higher_than_a_page_joins_its_operations() -> None:
    graph = trace(Estimate(), torch.randn(2, 4))
    drawn = figure(graph)
    assert drawn.height <= 234 / 25.4 * 72
    titles = [item.title for item in drawn.items if item.kind.startswith("box")]
    assert len(titles) == 5, titles  # two ends, two layers, and what is between them
    assert torn(graph, drawn) == []


def test_where_the_last_step_starts_from_may_be_read_after_a_solver() -> None:
    class Dense(RungeKutta):
        def forward(self, y: Tensor) -> Tensor:
            for k in range(self.steps):
                before, y = y, y + self.slope(k / self.steps, 1 / self.steps, y)
            return before + 0.3 * (y - before)

    graph = trace(Dense(4), torch.randn(4, 8))
    picture = view(graph)
    assert said(picture) == [("field", 4, CALLS)]
    check(graph, picture)
    assert torn(graph, figure(graph)) == []
