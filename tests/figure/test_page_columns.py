"""A figure in columns that several values lead through: it breaks where a backbone ends."""

from __future__ import annotations

from functools import cache
from math import dist

import pytest
import torch

from ptgraph import FigureOptions, trace
from ptgraph.drawing.shapes import Circle, Drawing, Path, Text
from ptgraph.figure.compose import figure
from ptgraph.figure.options import Direction, points
from ptgraph.graph.model import ModelGraph
from tests.support.figure_checks import body, check, of_kind
from tests.support.figure_truth import torn
from tests.support.pyramids import Detector


@cache
def detector() -> ModelGraph:
    return trace(Detector().eval(), torch.zeros(1, 3, 64, 64))


def columns(drawing: Drawing) -> list[list[str]]:
    """Return the numbers of the layers in each column, from left to right: those of a column overlap."""
    at = {item.id.rpartition(".")[2]: body(item) for item in of_kind(drawing, "box") if item.id.startswith("model.")}
    found: list[list[str]] = []
    for name in sorted(at, key=lambda name: (at[name][0] + at[name][2]) / 2):
        if found and at[found[-1][0]][2] > at[name][0]:
            found[-1].append(name)
        else:
            found.append([name])
    return [sorted(names, key=int) for names in found]


def test_backbone_neck_and_heads_stand_side_by_side() -> None:
    drawing = figure(detector(), FigureOptions(), 1)
    check(drawing, widest=points("174mm"))
    assert torn(detector(), drawing) == []
    assert [[int(names[0]), int(names[-1])] for names in columns(drawing)] == [[0, 8], [10, 15], [16, 21], [22, 22]]


def test_columns_break_where_a_backbone_ends() -> None:
    drawing = figure(detector(), FigureOptions(layout="flow"), 1)
    check(drawing, widest=points("174mm"))
    assert torn(detector(), drawing) == []
    ends = [[int(names[0]), int(names[-1].partition("–")[0])] for names in columns(drawing)]
    assert ends == [[0, 8], [10, 15], [16, 22]]  # 8 and 9 are one


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize(("width", "height"), [("174mm", "234mm"), ("174mm", "150mm"), ("120mm", "100mm")])
def test_each_value_has_a_number_where_it_ends_and_where_it_goes_on(
    width: str, height: str, direction: Direction
) -> None:
    drawing = figure(detector(), FigureOptions(width=width, height=height, direction=direction, layout="flow"), 1)
    check(drawing, widest=points(width))
    assert torn(detector(), drawing) == []
    circles: dict[str, list[Circle]] = {}
    numbers: dict[str, set[str]] = {"to": set(), "from": set()}
    for item in of_kind(drawing, "connector"):
        word = item.id.partition(" ")[0]
        circles.setdefault(word, []).extend(mark for mark in item.marks if isinstance(mark, Circle))
        numbers[word] |= {mark.text for mark in item.marks if isinstance(mark, Text)}
    assert numbers["to"] == numbers["from"]
    assert numbers["to"]
    lines = [[mark for mark in item.marks if isinstance(mark, Path)] for item in of_kind(drawing, "edge")]
    cut = {"to": [parts[:-1] for parts in lines], "from": [parts[1:] for parts in lines]}
    for word, end in (("to", -1), ("from", 0)):
        for path in (path for parts in cut[word] for path in parts):
            assert any(touches(one, path.points[end]) for one in circles[word])
        for one in circles[word]:
            assert any(touches(one, path.points[end]) for parts in lines for path in parts)


def touches(circle: Circle, point: tuple[float, float]) -> bool:
    return abs(dist((circle.x, circle.y), point) - circle.radius) < 0.1
