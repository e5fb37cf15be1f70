"""The figure of a model that is too large for its page: in columns, with alike boxes alike, and with a warning."""

from __future__ import annotations

import itertools
import re
import warnings
from functools import cache
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from ptgraph import FigureOptions, trace
from ptgraph.cli.main import main
from ptgraph.drawing.shapes import Circle, Drawing, Text
from ptgraph.errors import PtgraphWarning
from ptgraph.figure.compose import figure
from ptgraph.figure.options import Direction, points
from ptgraph.graph.model import ModelGraph
from tests.support.figure_checks import body, check, of_kind
from tests.support.figure_truth import torn
from tests.support.wirings import WIRINGS


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm, self.act = nn.BatchNorm2d(inputs), nn.ReLU()
        self.first, self.last = nn.Conv2d(inputs, outputs, 1), nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.first(self.act(self.norm(x)))
        return y + self.last(self.act(y))


class Stages(nn.Module):
    """Stages that differ in width and number of blocks."""

    def __init__(self, count: int = 4) -> None:
        super().__init__()
        self.stages = nn.Sequential()
        for number in range(count):
            blocks = [Block(4 * (number + 1), 4 * (number + 2)) for _ in range(1)]
            self.stages.append(nn.Sequential(*blocks, nn.MaxPool2d(2), nn.ReLU()))
        self.head = nn.Conv2d(4 * (count + 1), 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.stages(x))
        return result


def chain() -> nn.Sequential:
    """Forty layers, each of another width."""
    return nn.Sequential(
        *itertools.chain.from_iterable((nn.Conv2d(3 + n, 4 + n, 3, padding=1), nn.ReLU()) for n in range(20))
    )


@cache
def graph_of(name: str) -> ModelGraph:
    if name in WIRINGS:
        make, inputs = WIRINGS[name]
        return trace(make().eval(), *inputs(), name=name)
    if name == "chain":
        return trace(chain().eval(), torch.zeros(1, 3, 8, 8), name=name)
    return trace(Stages().eval(), torch.zeros(1, 4, 64, 64), name=name)


def drawn(
    name: str,
    depth: int | None = None,
    width: str = "174mm",
    height: str | None = None,
    direction: Direction | None = None,
) -> tuple[Drawing, list[str]]:
    """Return the figure, and what was warned of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        drawing = figure(graph_of(name), FigureOptions(width=width, height=height, direction=direction), depth)
    return drawing, [str(one.message) for one in told if issubclass(one.category, PtgraphWarning)]


def numbers(drawing: Drawing, kind: str) -> list[str]:
    found = [item for item in of_kind(drawing, "connector") if item.id.startswith(kind)]
    return [mark.text for item in found for mark in item.marks if isinstance(mark, Text)]


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("name", ["chain", "stages"])
def test_a_long_figure_is_set_in_columns_that_numbers_lead_through(name: str, direction: Direction) -> None:
    drawing, told = drawn(name, direction=direction)
    assert told == []
    check(drawing, widest=points("174mm"))
    assert drawing.height <= 2.2 * drawing.width
    assert drawing.height <= points("234mm")
    assert torn(graph_of(name), drawing) == []
    found = numbers(drawing, "to")
    assert found == numbers(drawing, "from") == [str(number + 1) for number in range(len(found))]
    assert found
    circles = {item.id: body(item) for item in of_kind(drawing, "connector")}
    for number in found:
        end, start = circles[f"to {number}"], circles[f"from {number}"]
        assert end[2] < start[0] if direction == "TB" else end[3] < start[1]


def test_a_line_ends_at_its_circle_and_goes_on_from_the_other() -> None:
    drawing, _ = drawn("chain")
    circles = {
        item.id: next(mark for mark in item.marks if isinstance(mark, Circle))
        for item in drawing.items[::-1]
        if item.kind == "connector"
    }
    (broken, *_) = (item for item in of_kind(drawing, "edge") if len(item.marks) == 2)
    before, after = broken.marks
    assert before.points[-1] == pytest.approx((circles["to 1"].x, circles["to 1"].y - circles["to 1"].radius), abs=0.1)
    start = circles["from 1"].x, circles["from 1"].y + circles["from 1"].radius
    assert after.points[0] == pytest.approx(start, abs=0.1)


def test_a_frame_that_is_cut_has_its_name_in_each_column() -> None:
    drawing, _ = drawn("stages", 9, height="120mm")
    check(drawing, widest=points("174mm"))
    titles = [mark.text for item in of_kind(drawing, "frame") for mark in item.marks if isinstance(mark, Text)]
    assert {"stages", "… stages"} <= set(titles)


@pytest.mark.parametrize("width", ["60mm", "84mm", "120mm", "174mm", "300mm"])
@pytest.mark.parametrize("height", ["60mm", "100mm", "150mm", "234mm"])
def test_stages_that_differ_in_width_are_all_open_or_all_closed(width: str, height: str) -> None:
    drawing, _ = drawn("stages", width=width, height=height)
    frames = {item.id for item in of_kind(drawing, "frame")}
    assert sum(f"stages.{number}" in frames for number in range(4)) in (0, 4)
    assert sum(f"stages.{number}.0" in frames for number in range(4)) in (0, 4)


def test_a_wide_figure_shows_more_than_a_narrow_one() -> None:
    narrow, wide = drawn("stages", width="60mm", height="150mm")[0], drawn("stages", height="150mm")[0]
    assert len(of_kind(wide, "box")) > len(of_kind(narrow, "box"))
    assert max(narrow.height, wide.height) <= points("150mm")


@pytest.mark.parametrize(("name", "height"), [("stages", "50mm"), ("resnet", "100mm"), ("translator", "100mm")])
def test_a_figure_is_no_higher_than_asked(name: str, height: str) -> None:
    drawing, told = drawn(name, height=height)
    assert told == []
    check(drawing, widest=points("174mm"))
    assert drawing.height <= points(height) + 0.1


@pytest.mark.parametrize(("name", "depth", "width"), [("stages", 3, "34mm"), ("translator", 3, "84mm")])
def test_a_depth_that_does_not_fit_is_said_with_the_size_that_would_do(name: str, depth: int, width: str) -> None:
    _, (told,) = drawn(name, depth, width)
    found = re.search(
        r"depth (\d) does not fit (\w+) × 234mm, and depth (\d) is drawn: a width of (\w+) would do", told
    )
    assert found is not None, told
    assert (int(found[1]), found[2]) == (depth, width)
    assert int(found[3]) < depth
    enough, said = drawn(name, depth, found[4])
    assert said == []
    assert len(of_kind(enough, "frame")) > len(of_kind(drawn(name, int(found[3]), width)[0], "frame"))


def test_a_direction_that_does_not_fit_is_said_with_the_width_that_would_do() -> None:
    drawing, (told,) = drawn("unet", width="84mm", direction="LR")
    assert drawing.description.startswith("A diagram that flows from top to bottom")
    found = re.search(r"it flows from top to bottom, as it does not fit .* from left to right: a width of (\w+) ", told)
    assert found is not None, told
    assert drawn("unet", width=found[1], direction="LR")[0].description.startswith("A diagram that flows from left")


def test_a_direction_is_that_asked_for_wherever_it_fits() -> None:
    for width in ("100mm", "174mm", "300mm"):
        drawing, told = drawn("chain", width=width, direction="LR")
        assert drawing.description.startswith("A diagram that flows from left to right")
        assert told == []


def test_text_that_is_too_small_to_read_is_said() -> None:
    _, told = drawn("translator", width="20mm")
    assert re.search(r"does not fit 20mm × 234mm, and its text is [1-5]\.\d pt: ", told[-1])


def test_the_command_says_it_once_for_all_formats(tmp_path: Path) -> None:
    args = ["export", "tiny", "-f", "svg,tikz", "-o", str(tmp_path), "--depth", "4", "--width", "30mm"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0
    assert result.stderr.count("does not fit 30mm × 234mm, and depth ") == 1
    assert "does not fit" not in CliRunner().invoke(main, [*args, "--quiet"]).stderr
