"""Figures of networks whose boxes form a grid: a row for each resolution, along which values flow to the right."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest

from ptgraph import FigureOptions, trace
from ptgraph.drawing.shapes import Drawing, Path
from ptgraph.errors import PtgraphWarning
from ptgraph.figure.compose import figure
from ptgraph.figure.options import Direction, points
from ptgraph.graph.model import ModelGraph
from tests.support.figure_checks import body, check, of_kind
from tests.support.figure_truth import torn
from tests.support.grids import GRIDS, NO_GRID

Spots = dict[str, tuple[float, float, float, float]]  # left, top, right, bottom


@cache
def graph_of(name: str) -> ModelGraph:
    make, inputs = {**GRIDS, **NO_GRID}[name]
    return trace(make().eval(), *inputs(), name="model")


def boxes(drawing: Drawing) -> Spots:
    return {item.id: body(item) for item in of_kind(drawing, "box", "sign")}


def middle(spot: tuple[float, float, float, float]) -> float:
    return (spot[1] + spot[3]) / 2


def lines(drawing: Drawing) -> dict[str, tuple[tuple[float, float], ...]]:
    paths = ((item.id, item.marks[-1]) for item in of_kind(drawing, "edge"))
    return {name: path.points for name, path in paths if isinstance(path, Path)}


@pytest.mark.filterwarnings("ignore::ptgraph.errors.PtgraphWarning")
@pytest.mark.parametrize("name", [*GRIDS, *NO_GRID])
@pytest.mark.parametrize(
    ("depth", "width", "direction"),
    [(None, "174mm", None), (None, "84mm", None), (1, "600mm", None), (2, "174mm", None), (1, "600mm", "LR")],
)
def test_it_is_whole(name: str, depth: int | None, width: str, direction: Direction | None) -> None:
    drawing = figure(graph_of(name), FigureOptions(width=width, direction=direction), depth)
    assert torn(graph_of(name), drawing) == []
    check(drawing, widest=points(width))


@pytest.mark.parametrize("name", GRIDS)
def test_it_fits_a_page(name: str) -> None:
    drawing = figure(graph_of(name), FigureOptions(width="174mm"))
    assert drawing.width <= points("174mm") + 0.01
    assert drawing.height <= points("234mm") + 0.01


def test_boxes_on_skips_stand_between_the_backbone_and_the_way_up() -> None:
    drawing = figure(graph_of("boxes on skips"), FigureOptions(width="174mm"))
    at, found = boxes(drawing), lines(drawing)
    for number in range(3):
        lateral, back = at[f"lateral.{number}"], at[f"back.{2 - number}"]
        assert at["backbone"][2] < lateral[0] < lateral[2] < back[0]
        assert middle(lateral) == pytest.approx(middle(back), abs=0.02)
        assert at["backbone"][1] <= lateral[1] < lateral[3] <= at["backbone"][3]
        assert len(found[f"backbone→lateral.{number}"]) == 2
        assert len(found[f"lateral.{number}→back.{2 - number}"]) == 2
    assert [at[f"back.{number}"][1] for number in range(4)] == sorted(
        (at[f"back.{number}"][1] for number in range(4)), reverse=True
    )


def test_nested_skips_are_a_triangle() -> None:
    at = boxes(figure(graph_of("nested"), FigureOptions(width="174mm")))
    for row in range(4):
        across = [at[f"conv{row}_{step}"] for step in range(5 - row)]
        assert all(one[2] < other[0] for one, other in pairwise(across))
        assert at[f"conv{row}_0"][3] < at[f"conv{row + 1}_0"][1]
    for step in range(1, 4):
        first, *others = [
            (left + right) / 2 for left, _, right, _ in (at[f"conv{row}_{step}"] for row in range(5 - step))
        ]
        assert others == [pytest.approx(first, abs=0.02)] * len(others)


def test_a_pyramid_has_a_row_for_each_resolution() -> None:
    at = boxes(figure(graph_of("pyramid"), FigureOptions(width="174mm")))
    for number in range(4):
        assert middle(at[f"stage.{number}"]) == pytest.approx(middle(at[f"lateral.{number}"]), abs=0.02)
        assert at[f"stage.{number}"][2] < at[f"lateral.{number}"][0]
    signs = [at["add"], at["add_1"], at["add_2"]]
    assert [sign[1] for sign in signs] == sorted((sign[1] for sign in signs), reverse=True)


def test_a_grid_is_what_is_asked_for_with_u() -> None:
    options = FigureOptions(width="174mm", layout="u")
    asked = figure(graph_of("nested"), options)
    assert boxes(asked) == boxes(figure(graph_of("nested"), FigureOptions(width="174mm")))


def test_without_a_way_up_it_is_no_grid() -> None:
    with pytest.warns(PtgraphWarning, match="it is no U"):
        figure(graph_of("contracting"), FigureOptions(width="174mm", layout="u"))


def test_a_grid_that_is_too_wide_flows_in_one_direction() -> None:
    at = boxes(figure(graph_of("pyramid"), FigureOptions(width="84mm")))
    assert middle(at["stage.0"]) < middle(at["lateral.0"])
