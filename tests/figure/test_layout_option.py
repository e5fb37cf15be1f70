"""The layout of a figure by name: in one direction, as a U, or by Graphviz."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from functools import cache
from itertools import pairwise
from math import dist
from pathlib import Path as File

import pytest
import torch
from torch import nn

from ptgraph import FigureOptions, trace
from ptgraph.common import graphviz_program
from ptgraph.common.limits import limits, remedy
from ptgraph.drawing import svg
from ptgraph.drawing.shapes import Drawing, Path
from ptgraph.errors import ExportError, PtgraphWarning, UsageError
from ptgraph.figure.box_text import BROAD
from ptgraph.figure.compose import figure
from ptgraph.figure.figure_graph import Flow
from ptgraph.figure.fit_to_page import fit
from ptgraph.figure.layout.routing_plan import Edge
from ptgraph.figure.layouts import Layouts
from ptgraph.figure.options import Direction, Layout, points
from ptgraph.figure.simplify import simplify
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from tests.support.figure_checks import NEAR, body, check, of_kind
from tests.support.figure_truth import torn
from tests.support.u_nets import NO_U, U_NETS
from tests.support.wirings import WIRINGS

WIDE = {"width": "1200mm", "height": "1200mm"}
SKIP = "embedding", "add_2"  # of the preset tiny: from above a block that is open into it

pytestmark = pytest.mark.filterwarnings("ignore:.*was traced by")


@cache
def graph_of(name: str) -> ModelGraph:
    if name == "transformer":
        with torch.device("meta"):
            model = nn.Transformer(32, 2, 3, 3, 64, batch_first=True)
            return trace(model, torch.zeros(1, 5, 32), torch.zeros(1, 4, 32), name="model")
    make, inputs = {**U_NETS, **NO_U, **WIRINGS}[name]
    return trace(make().eval(), *inputs(), name="model")


def drawn(
    graph: ModelGraph, layout: Layout, depth: int | None = None, **given: str | None
) -> tuple[Drawing, list[str]]:
    """Return a figure, and the warnings."""
    options = FigureOptions(layout=layout, **given)  # type: ignore[arg-type]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PtgraphWarning)
        drawing = figure(graph, options, depth)
    return drawing, [str(one.message) for one in caught]


def is_a_u(graph: ModelGraph, layout: Layout, **given: str | None) -> bool:
    options = FigureOptions(layout=layout, **given)  # type: ignore[arg-type]
    return fit(Layouts(simplify(graph, view(graph)), graph, layout), None, options).geometry.has_u


@pytest.mark.filterwarnings("ignore::ptgraph.errors.PtgraphWarning")
@pytest.mark.parametrize(("depth", "direction"), [(None, "TB"), (2, "LR")])
@pytest.mark.parametrize("name", [*U_NETS, *WIRINGS, "transformer", "tiny"])
def test_a_figure_by_graphviz_is_whole(name: str, depth: int | None, direction: Direction, tiny: ModelGraph) -> None:
    graph = tiny if name == "tiny" else graph_of(name)
    given = {"direction": direction, **(WIDE if depth else {})}
    drawing, _ = drawn(graph, "dot", depth, **given)
    assert torn(graph, drawing) == []
    check(drawing, widest=points(given.get("width", "174mm")), smallest=0.0, straight=False)


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("name", ["denoiser", "transformer"])
def test_graphviz_moves_boxes_and_lines_and_changes_nothing_else(
    name: str, direction: Direction, tiny: ModelGraph
) -> None:
    graph = tiny if name == "tiny" else graph_of(name)
    plain = simplify(graph, view(graph))
    ours, by_graphviz = (
        next(Layouts(plain, graph, layout)(plain.at_depth(3), direction, ("shapes", "params"), (BROAD,))).geometry
        for layout in ("flow", "dot")
    )
    for found in (ours, by_graphviz):
        assert found.boxes
        assert found.lines
    assert ours.texts == by_graphviz.texts
    assert ours.lines.keys() == by_graphviz.lines.keys()
    assert ours.frames.keys() == by_graphviz.frames.keys()
    assert ours.shapes == by_graphviz.shapes
    sizes = [{name: one[2:] for name, one in found.boxes.items()} for found in (ours, by_graphviz)]
    assert sizes[0] == sizes[1]
    labels = [[(one.text, one.rectangle[2:]) for one in found.labels] for found in (ours, by_graphviz)]
    assert labels[0] == labels[1]
    stubs = [[(one.text, one.rectangle[2:]) for one in found.stubs] for found in (ours, by_graphviz)]
    assert stubs[0] == stubs[1]


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("name", ["flat", "denoiser", "transformer", "tiny"])
def test_lines_by_graphviz_start_and_end_at_their_boxes(name: str, direction: Direction, tiny: ModelGraph) -> None:
    drawing, _ = drawn(tiny if name == "tiny" else graph_of(name), "dot", 2, direction=direction, **WIDE)
    at = {item.id: (item.kind.startswith("sign"), body(item)) for item in of_kind(drawing, "box", "sign")}
    for item in of_kind(drawing, "edge"):
        ends = [mark.points for mark in item.marks if isinstance(mark, Path)]
        for box, point in zip(item.id.split("→"), (ends[0][0], ends[-1][-1]), strict=True):
            is_sign, (left, top, right, bottom) = at[box]
            if is_sign:
                middle = (left + right) / 2, (top + bottom) / 2
                assert dist(middle, point) == pytest.approx((right - left) / 2, abs=NEAR), item.id
                continue
            assert left - NEAR <= point[0] <= right + NEAR, item.id
            assert top - NEAR <= point[1] <= bottom + NEAR, item.id
            sides = point[0] - left, right - point[0], point[1] - top, bottom - point[1]
            assert min(map(abs, sides)) < NEAR, item.id


def test_a_skip_into_an_open_box_enters_it_where_the_flow_does(tiny: ModelGraph) -> None:
    drawing, _ = drawn(tiny, "dot", 2, **WIDE)
    (frame,) = (body(item) for item in of_kind(drawing, "frame") if item.id == "layers.0")
    (line,) = (item.marks[-1] for item in of_kind(drawing, "edge") if item.id == "→".join(SKIP))
    assert isinstance(line, Path)
    inside = [(x, y) for x, y in line.points if y > frame[1]]
    assert len(inside) > 2
    assert all(frame[0] < x < frame[2] for x, _ in inside)


def test_lines_that_enter_one_box_enter_it_beside_each_other() -> None:
    drawing, _ = drawn(graph_of("flat"), "dot", 1, **WIDE)
    ends: dict[str, set[float]] = {}
    for item in of_kind(drawing, "edge"):
        (line,) = item.marks
        assert isinstance(line, Path)
        (before_x, _), (x, _) = line.points[-2:]
        assert before_x == pytest.approx(x, abs=0.05)  # straight into the box, under the head of the arrow
        ends.setdefault(item.id.split("→")[1], set()).add(round(x))
    assert [len(at) for box, at in ends.items() if box.startswith("cat")] == [2, 2, 2]


def test_figures_by_graphviz_are_the_same_each_time() -> None:
    first, second = (svg.write(drawn(graph_of("transformer"), "dot")[0], "model") for _ in range(2))
    assert first == second


def test_a_figure_by_graphviz_that_is_too_large_says_so() -> None:
    _, said = drawn(graph_of("flat"), "dot", width="84mm", height="60mm")
    assert len(said) == 1
    assert re.fullmatch(r"figure of model: it is \d+mm high, as it does not fit 84mm × 60mm.*", said[0])


def test_graphviz_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: File) -> None:
    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nwhile :; do :; done\n")
    endless.chmod(0o755)
    monkeypatch.setattr(graphviz_program, "program", lambda: str(endless))
    with limits(seconds=1), pytest.raises(ExportError) as caught:
        drawn(graph_of("flat"), "dot")
    assert str(caught.value) == f"Graphviz did not end within 1 seconds of processor time; {remedy('seconds')}"


def test_values_that_flow_in_a_circle_are_laid_out_by_graphviz() -> None:
    graph = graph_of("flat")
    plain = simplify(graph, view(graph))
    back = "sigmoid", plain.flows[0].target
    in_a_circle = replace(plain, flows=(*plain.flows, Flow(*back, "")))
    found = fit(Layouts(in_a_circle, graph), None, FigureOptions()).geometry
    assert Edge("sigmoid", "/encoder1") in found.lines
    assert set(found.boxes) == set(fit(Layouts(plain, graph), None, FigureOptions()).geometry.boxes)


@pytest.mark.parametrize("name", [*U_NETS])
def test_the_flow_layout_is_never_a_u(name: str) -> None:
    assert not is_a_u(graph_of(name), "flow")
    drawing, said = drawn(graph_of(name), "flow")
    assert said == []
    assert torn(graph_of(name), drawing) == []
    assert is_a_u(graph_of(name), "auto")


@pytest.mark.parametrize(("name", "width"), [("denoiser", "84mm"), ("flat", "174mm"), ("in two", "84mm")])
def test_a_u_that_is_asked_for_is_drawn_wherever_it_fits(name: str, width: str) -> None:
    assert is_a_u(graph_of(name), "u", width=width)
    drawing, said = drawn(graph_of(name), "u", width=width)
    assert said == []
    check(drawing, widest=points(width))
    assert torn(graph_of(name), drawing) == []


def test_a_u_is_drawn_where_it_is_asked_for_and_no_other_layout_would_be_one() -> None:
    assert not is_a_u(graph_of("in two"), "auto", width="65mm")
    assert is_a_u(graph_of("in two"), "u", width="65mm")


@pytest.mark.parametrize("width", ["60mm", "70mm", "80mm"])
@pytest.mark.parametrize("name", ["flat", "in two", "conditioned", "denoiser"])
def test_what_is_a_u_unasked_is_one_if_asked(name: str, width: str) -> None:
    assert is_a_u(graph_of(name), "u", width=width) or not is_a_u(graph_of(name), "auto", width=width)


@pytest.mark.parametrize("name", ["flat", "in two", "hourglass"])
def test_a_u_that_does_not_fit_is_said_with_the_width_that_would_do(name: str) -> None:
    _, (said, *_) = drawn(graph_of(name), "u", width="40mm")
    before, _, width = said.removesuffix(" would do").rpartition(" of ")
    assert before == "figure of model: no U fits 40mm × 234mm: a width"
    assert is_a_u(graph_of(name), "u", width=width)


def test_a_model_without_skips_has_no_u_and_that_is_said(tiny: ModelGraph) -> None:
    drawing, said = drawn(tiny, "u")
    assert said == ["figure of tiny: it is no U, as the values that it draws do not skip from one half to the other"]
    assert drawing == drawn(tiny, "auto")[0]


def test_a_figure_that_flows_to_the_right_has_no_u_and_that_is_said() -> None:
    _, said = drawn(graph_of("in two"), "u", direction="LR")
    assert said == ["figure of model: it is no U, as a figure that flows from left to right has none"]


def test_a_layout_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="layout is 'neato'; there are: auto, flow, u, dot"):
        FigureOptions(layout="neato")  # type: ignore[arg-type]


def test_curves_have_no_sharp_corners() -> None:
    drawing, _ = drawn(graph_of("flat"), "dot", 1, **WIDE)
    for item in of_kind(drawing, "edge"):
        (line,) = item.marks
        assert isinstance(line, Path)
        ways = [((b[0] - a[0]) / dist(a, b), (b[1] - a[1]) / dist(a, b)) for a, b in pairwise(line.points)]
        assert all(one[0] * other[0] + one[1] * other[1] > -0.2 for one, other in pairwise(ways)), item.id
