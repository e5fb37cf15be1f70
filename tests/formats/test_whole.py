"""Nothing that flows is missing: charts, which DOT and Mermaid draw, and TikZ have all that the model has."""

from __future__ import annotations

import re
from functools import cache

import pytest

from ptgraph import trace
from ptgraph.drawing.shapes import Path
from ptgraph.drawing.tikz import comment, write
from ptgraph.figure.compose import figure
from ptgraph.figure.options import FigureOptions
from ptgraph.formats.flowchart import chart
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from tests.support.figure_checks import of_kind
from tests.support.figure_truth import torn
from tests.support.repeat_models import MODELS
from tests.support.wirings import WIRINGS

pytestmark = pytest.mark.filterwarnings("ignore::ptgraph.errors.PtgraphWarning")


@cache
def graph_of(name: str) -> ModelGraph:
    if name in MODELS:
        model, inputs = MODELS[name]
        return trace(model, *inputs)
    make, example = WIRINGS[name]
    return trace(make().eval(), *example())


@pytest.mark.parametrize("name", [*WIRINGS, *MODELS])
def test_a_chart_has_each_box_line_and_input(name: str) -> None:
    for depth in (None, 1, 2, 9):
        assert torn(graph_of(name), chart(graph_of(name), Options(depth=depth))) == [], depth


@pytest.mark.parametrize("name", ["conditioned", "experts", "unet"])
def test_tikz_has_each_item_of_the_figure(name: str) -> None:
    drawing = figure(graph_of(name), FigureOptions(), None)
    lines = write(drawing).splitlines()
    titles = [f"% {comment(item.title)}" for item in drawing.items if item.title]
    assert [line for line in lines if line.startswith("% ")][-len(titles) :] == titles
    for kind in ("edge", "stub"):
        paths = [mark for item in of_kind(drawing, kind) for mark in item.marks if isinstance(mark, Path)]
        drawn = [line for line in lines if re.match(rf"\\path\[{kind} path( \d+)?\]", line)]
        assert len(drawn) == len(paths) > 0 or (kind == "stub" and not paths)
        points = [line.count(" -- ") + 1 for line in drawn]
        assert points == [len(path.points) for path in paths]
