"""Figures of U-Nets: two columns beside each other, with the skips straight across."""

from __future__ import annotations

from functools import cache

import pytest

from ptgraph import FigureOptions, trace
from ptgraph.drawing.shapes import Drawing, Path
from ptgraph.figure.compose import figure
from ptgraph.figure.options import Direction, points
from ptgraph.graph.model import ModelGraph
from tests.support.figure_checks import body, check, of_kind
from tests.support.figure_truth import torn
from tests.support.u_nets import NO_U, U_NETS

WIDE = "600mm"


@cache
def graph_of(name: str) -> ModelGraph:
    make, inputs = {**U_NETS, **NO_U}[name]
    return trace(make().eval(), *inputs(), name="model")


def drawn(name: str, depth: int | None = None, width: str = WIDE, direction: Direction | None = None) -> Drawing:
    height = "900mm" if width == WIDE else None
    return figure(graph_of(name), FigureOptions(width=width, height=height, direction=direction), depth)


def lines(drawing: Drawing) -> dict[tuple[str, str], tuple[tuple[float, float], ...]]:
    """Return the corners of the line of each edge, by the ids of its ends."""
    found = {}
    for item in of_kind(drawing, "edge"):
        (path,) = item.marks
        assert isinstance(path, Path)
        found[tuple(item.id.split("→"))] = path.points
    return found  # type: ignore[return-value]


@pytest.mark.filterwarnings("ignore:.*was traced by")
@pytest.mark.parametrize("name", [*U_NETS, *NO_U])
@pytest.mark.parametrize(
    ("depth", "width", "direction"),
    [(None, "174mm", None), (None, "84mm", None), (1, WIDE, None), (2, WIDE, None), (9, WIDE, None), (2, WIDE, "LR")],
)
def test_it_is_whole(name: str, depth: int | None, width: str, direction: Direction | None) -> None:
    drawing = drawn(name, depth, width, direction)
    assert torn(graph_of(name), drawing) == []
    check(drawing, widest=points(width))


@pytest.mark.parametrize(
    ("name", "depth", "skips"),
    [
        ("flat", 1, [("encoder1", "cat_2"), ("encoder2", "cat_1"), ("encoder3", "cat")]),
        ("in two", 2, [(f"encoder.stages.{k}", f"decoder.blocks.{2 - k}") for k in range(3)]),
        (
            "in two",
            3,
            [("encoder.stages.0.1", "cat_2"), ("encoder.stages.1.1", "cat_1"), ("encoder.stages.2.1", "cat")],
        ),
        ("denoiser", 1, [("downs.0", "cat_4"), ("downs.1", "cat_3"), ("downs.2", "cat_2"), ("downs.4", "cat")]),
        ("tokens", 1, [("in_blocks.0", "cat_2"), ("in_blocks.1", "cat_1"), ("in_blocks.2", "cat")]),
    ],
)
def test_skips_lead_straight_across(name: str, depth: int, skips: list[tuple[str, str]]) -> None:
    drawing = drawn(name, depth)
    found = lines(drawing)
    places = {item.id: body(item) for item in of_kind(drawing, "box", "sign")}
    for source, target in skips:
        (left, level), (right, same) = found[source, target]
        assert level == pytest.approx(same, abs=0.02)
        assert left == pytest.approx(places[source][2], abs=0.02)
        assert right == pytest.approx(places[target][0], abs=0.02)
        assert left < right
    down, up = [places[source][1] for source, _ in skips], [places[target][1] for _, target in skips]
    assert down == sorted(down)
    assert up == sorted(up)


def test_the_right_column_flows_up_to_the_output() -> None:
    drawing = drawn("flat", 1)
    places = {item.id: body(item) for item in of_kind(drawing, "box")}
    assert places["output"][1] == min(place[1] for place in places.values())
    assert places["bottleneck"][3] == max(place[3] for place in places.values())
    order = ["upconv3", "cat", "decoder3", "upconv2", "cat_1", "decoder2"]
    assert [places[name][1] for name in order] == sorted((places[name][1] for name in order), reverse=True)
    assert places["encoder3"][2] < places["bottleneck"][2] < places["upconv3"][2]


def test_levels_within_each_other_are_a_u() -> None:
    drawing = drawn("inside out", 4)
    places = {item.id: body(item) for item in of_kind(drawing, "box", "frame")}
    assert places["output"][1] < places["level"][1]
    assert places["level"][2] > places["output"][2]
    found = lines(drawing)
    for source, target in [("stem", "cat_2"), ("level.model.1", "cat_1")]:
        *_, (left, level), (right, same) = found[source, target]
        assert level == same
        assert left < right
    inner, outer = places["level.model.2"], places["level"]
    assert outer[0] < inner[0] < inner[2] < outer[2]
    assert outer[1] < inner[1] < inner[3] < outer[3]


def test_a_box_on_a_skip_stands_between_the_columns() -> None:
    drawing = drawn("hourglass", 3)
    places = {item.id: body(item) for item in of_kind(drawing, "box", "sign", "frame")}
    found = lines(drawing)
    for beside, down, up in [("beside.2", "pool", "add_2"), ("below.beside.2", "below.pool", "add_1")]:
        assert places[down][2] < places[beside][0] < places[beside][2] < places[up][0]
        (_, level), (_, same) = found[beside, up]
        assert level == pytest.approx(same, abs=0.02)
    assert places["below"][1] > places["before"][3]


def test_a_u_that_is_too_wide_flows_in_one_direction() -> None:
    drawing = drawn("denoiser", 1, width="60mm")
    places = {item.id: body(item) for item in of_kind(drawing, "box")}
    assert places["output"][1] == max(place[1] for place in places.values())


def test_a_gate_in_a_residual_is_no_u() -> None:
    drawing = drawn("gated", 1)
    places = {item.id: body(item) for item in of_kind(drawing, "box")}
    assert places["output"][1] == max(place[1] for place in places.values())


def test_a_text_that_a_later_level_reads_first_leaves_a_u_what_it_is() -> None:
    drawing = drawn("conditioned", 1)
    places = {item.id: body(item) for item in of_kind(drawing, "box")}
    assert places["output"][1] == min(place[1] for place in places.values())
    assert [source for source, _ in lines(drawing)].count("text") == 1  # to the level that reads it first
    assert [item.title for item in of_kind(drawing, "stub") if "text," in item.title] == ["text, read by text_up"]


def test_a_video_is_a_u_of_images_and_a_sum_that_conditions_it_is_named_by_its_parts() -> None:
    drawing = drawn("video", 1)
    places = {item.id: body(item) for item in of_kind(drawing, "box")}
    assert places["output"][1] == min(place[1] for place in places.values())
    stubs = [item.title for item in of_kind(drawing, "stub") if "embedding" in item.title]
    assert stubs and all(title.startswith("time_embedding + …, ") for title in stubs)


def test_large_blocks_of_one_list_stand_below_each_other() -> None:
    drawing = drawn("attentive", 2)
    places = {item.id: body(item) for item in of_kind(drawing, "box")}
    blocks = [places[f"decoder.blocks.{number}"] for number in range(4)]
    assert [top for _, top, _, _ in blocks] == sorted((top for _, top, _, _ in blocks), reverse=True)
    assert len({round(left + right) for left, _, right, _ in blocks}) == 1
