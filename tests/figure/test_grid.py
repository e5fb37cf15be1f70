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


def frames(drawing: Drawing) -> Spots:
    return {item.id: body(item) for item in of_kind(drawing, "frame")}


@pytest.mark.parametrize("name", ["outputs of levels", "nested in two", "pyramid in two"])
def test_an_encoder_and_its_decoder_are_open_beside_each_other(name: str) -> None:
    drawing = figure(graph_of(name), FigureOptions(width="174mm"))
    around = frames(drawing)
    assert around["encoder"][2] < around["decoder"][0]
    at = boxes(drawing)
    stages = [spot for name, spot in at.items() if name.startswith("encoder.stages.")]
    assert len(stages) == 4
    assert [spot[1] for spot in stages] == sorted(spot[1] for spot in stages)
    assert len({round(spot[0] + spot[2], 1) for spot in stages}) == 1


def test_outputs_of_levels_stand_at_the_right_of_their_levels() -> None:
    drawing = figure(graph_of("outputs of levels"), FigureOptions(width="174mm"))
    at, found = boxes(drawing), lines(drawing)
    around = frames(drawing)
    for level in range(3):
        stage, seg = f"decoder.stage.{2 - level}", f"decoder.seg.{2 - level}"
        assert len(found[f"{stage}→{seg}"]) == len(found[f"{seg}→output_{level}"]) == 2
        assert at[stage][2] < at[seg][0]
        assert around["decoder"][2] < at[f"output_{level}"][0]
        skip = found[f"encoder.stages.{level}→cat" + (f"_{2 - level}" if level < 2 else "")]
        assert len(skip) == 2
    assert [at[f"output_{level}"][1] for level in range(3)] == sorted(at[f"output_{level}"][1] for level in range(3))


def test_nested_skips_within_a_decoder_are_a_triangle() -> None:
    at = boxes(figure(graph_of("nested in two"), FigureOptions(width="174mm")))
    for row in range(3):
        across = [at[f"encoder.stages.{row}"], *(at[f"decoder.block{row}_{step}"] for step in range(1, 4 - row))]
        assert all(one[2] < other[0] for one, other in pairwise(across))
    tops = [at[f"decoder.block{row}_1"][1] for row in range(3)]
    assert tops == sorted(tops)


@pytest.mark.parametrize("name", ["pyramid in two", "merged pyramid"])
def test_what_comes_to_one_resolution_stands_in_the_rows_of_what_it_comes_from(name: str) -> None:
    drawing = figure(graph_of(name), FigureOptions(width="174mm"))
    at, found = boxes(drawing), lines(drawing)
    for level in range(4):
        lateral = at[f"decoder.lateral.{level}"]
        assert middle(at[f"encoder.stages.{level}"]) == pytest.approx(middle(lateral), abs=0.02)
        if name == "merged pyramid":
            segment = at[f"decoder.segment.{level}"]
            assert middle(segment) == pytest.approx(middle(lateral), abs=0.02)
            assert at[f"encoder.stages.{level}"][2] < lateral[0] < lateral[2] < segment[0] < at["decoder.merge"][0]
    spanning = "decoder.segment.0" if name == "pyramid in two" else "decoder.merge"
    assert at[spanning][1] <= at["decoder.lateral.0"][1]
    assert at[spanning][3] >= at["decoder.lateral.3"][3]
    into = [line for edge, line in found.items() if edge.endswith(f"→{spanning}")]
    assert len(into) == 4
    assert all(len(line) == 2 for line in into)


def test_stages_of_several_resolutions_stand_side_by_side_and_take_a_row_for_each() -> None:
    drawing = figure(graph_of("resolutions side by side"), FigureOptions(width="174mm"))
    at, found = boxes(drawing), lines(drawing)
    stages = [at[f"stage.{number}"] for number in range(3)]
    heads = [at[f"head.{number}"] for number in range(4)]
    assert all(one[2] < other[0] for one, other in pairwise(stages))
    assert len({round(stage[1], 1) for stage in stages}) == 1
    for number, stage in enumerate(stages):
        rows = [head for head in heads if stage[1] - 1 < middle(head) < stage[3] + 1]
        assert rows == heads[: number + 2]
        if number:
            assert middle(at[f"transition.{number}"]) == pytest.approx(middle(heads[number + 1]), abs=0.02)
            assert at[f"transition.{number}"][2] < stage[0]
    for number in range(4):
        assert len(found[f"stage.2→head.{number}"]) == 2
        assert stages[-1][2] < heads[number][0]


def test_a_container_whose_layers_alone_are_called_is_one_box() -> None:
    drawing = figure(graph_of("resolutions side by side"), FigureOptions(width="174mm"))
    assert {"down.0", "down.1", "down.2"} <= boxes(drawing).keys()
    assert not any(name.startswith("down.0.") for name in boxes(drawing))


def test_a_grid_is_what_is_asked_for_with_u() -> None:
    options = FigureOptions(width="174mm", layout="u")
    asked = figure(graph_of("nested"), options)
    assert boxes(asked) == boxes(figure(graph_of("nested"), FigureOptions(width="174mm")))


def test_without_a_way_up_it_is_no_grid() -> None:
    with pytest.warns(PtgraphWarning, match="it is no U"):
        figure(graph_of("contracting"), FigureOptions(width="174mm", layout="u"))


def test_a_grid_that_is_too_wide_flows_in_one_direction() -> None:
    at = boxes(figure(graph_of("pyramid"), FigureOptions(width="60mm")))
    assert middle(at["stage.0"]) < middle(at["lateral.0"])
