"""Figures of well-known wirings: nothing that flows is missing, whatever is open and however wide it may be."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from ptgraph import FigureOptions, trace
from ptgraph.drawing.shapes import Drawing
from ptgraph.figure.compose import figure
from ptgraph.figure.options import points
from ptgraph.formats.flowchart import chart
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from tests.support.figure_checks import check, of_kind
from tests.support.figure_truth import torn
from tests.support.wirings import WIRINGS, Gate, Shared, Wired


@cache
def graph_of(name: str) -> ModelGraph:
    make, inputs = WIRINGS[name]
    return trace(make().eval(), *inputs(), name=name)


def drawn(graph: ModelGraph, depth: int | None = None, width: str = "174mm") -> Drawing:
    return figure(graph, FigureOptions(width=width), depth)


def stubs(drawing: Drawing) -> list[tuple[str, str]]:
    """Return the value that each stub names, and its reader."""
    return [stub.title.rpartition(", read by ")[::2] for stub in of_kind(drawing, "stub")]


@pytest.mark.filterwarnings("ignore:.*was traced by")
@pytest.mark.parametrize("name", WIRINGS)
@pytest.mark.parametrize(("depth", "width"), [(None, "174mm"), (None, "110mm"), (1, "174mm"), (2, "300mm")])
def test_nothing_that_flows_is_missing(name: str, depth: int | None, width: str) -> None:
    graph = graph_of(name)
    drawing = drawn(graph, depth, width)
    assert torn(graph, drawing) == []
    check(drawing, widest=points(width))
    told = chart(graph, Options(depth, figure=FigureOptions(width=width)))
    assert {arrow.target for arrow in told.arrows} | {arrow.source for arrow in told.arrows} >= {
        box for box in told.inside(told.root) if box not in told.frames
    }


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_missing_of_what_is_wired_at_random(seed: int) -> None:
    chance = random.Random(seed)
    inputs = chance.randint(1, 3)
    graph = trace(Wired(chance, inputs), *(torch.zeros(2, 4) for _ in range(inputs)))
    for depth in (None, 1, 2, 9):
        assert torn(graph, drawn(graph, depth, "800mm")) == []


def test_a_value_that_a_module_only_reshapes_goes_through_it() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.aside = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x.reshape(4, 2).reshape(2, 4), self.aside(x)

    class Through(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.turned, self.last = nn.Linear(4, 4), Turned(), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.turned(self.first(x))[0])

    drawing = drawn(trace(Through(), torch.zeros(2, 4)), 1)
    assert {"first→turned", "turned→last"} <= {item.id for item in of_kind(drawing, "edge")}


def test_what_is_left_out_of_a_figure_is_found() -> None:
    graph = graph_of("resnet")
    drawing = drawn(graph)
    for item in of_kind(drawing, "edge"):
        others = tuple(other for other in drawing.items if other is not item)
        source, _, target = item.id.partition("→")
        alone = [sum(line.id.startswith(f"{source}→") for line in of_kind(drawing, "edge")) == 1]
        alone += [sum(line.id.endswith(f"→{target}") for line in of_kind(drawing, "edge")) == 1]
        assert len(torn(graph, replace(drawing, items=others))) == sum(alone) + 1


@pytest.mark.parametrize("readers", range(2, 8))
def test_a_value_that_blocks_in_a_row_read_is_a_line_to_the_first_and_a_name_at_the_others(readers: int) -> None:
    drawing = drawn(trace(Shared(readers), torch.zeros(2, 8), torch.zeros(2, 4)), depth=1)
    blocks = [f"blocks.{k}" for k in range(readers)]
    lines = {item.id for item in of_kind(drawing, "edge")}
    named = blocks[1:] if readers >= 4 else []
    assert stubs(drawing) == [("context", block) for block in named]
    assert lines >= {f"context→{block}" for block in blocks if block not in named}


def test_a_value_is_named_by_the_outermost_box_that_its_readers_are_not_in() -> None:
    drawing = drawn(graph_of("conditioned"), depth=2, width="300mm")
    assert "time.fc2" in {item.id for item in of_kind(drawing, "box")}
    assert {what for what, _ in stubs(drawing)} == {"time", "text", "positions"}


def test_two_values_of_one_box_have_two_names() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.shift = nn.Linear(4, 8), nn.Linear(4, 8)

        def forward(self, c: Tensor) -> tuple[Tensor, Tensor]:
            return self.scale(c), self.shift(c)

    class Modulated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.told = Both()
            self.blocks = nn.ModuleList(Gate(k + 1) for k in range(8))

        def forward(self, x: Tensor, c: Tensor) -> Tensor:
            scale, shift = self.told(c)
            for number, block in enumerate(self.blocks):
                x = block(x, shift if number % 2 else scale)
            return x

    graph = trace(Modulated(), torch.zeros(2, 8), torch.zeros(2, 4))
    drawing = drawn(graph, depth=2, width="300mm")
    assert torn(graph, drawing) == []
    assert {what for what, _ in stubs(drawing)} == {"told.scale", "told.shift"}


@pytest.mark.parametrize("branches", [3, 4, 9])
def test_branches_beside_each_other_all_have_a_line(branches: int) -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.branches = nn.ModuleList(
                nn.Sequential(nn.Linear(4, 4 + k), nn.ReLU(), nn.Linear(4 + k, 4)) for k in range(branches)
            )

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([branch(x) for branch in self.branches], -1)

    graph = trace(nn.Sequential(nn.Linear(4, 4), Branches()), torch.zeros(2, 4))
    for depth in (1, 2, 3):
        drawing = drawn(graph, depth, "600mm")
        assert torn(graph, drawing) == []
        assert stubs(drawing) == []


class Discrete(nn.Module):
    """An input of whole numbers that is no position and no mask, by what is done with it."""

    def __init__(self, use: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.use, self.lin = use, nn.Linear(4, 4)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        return self.use(self.lin(x), given)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.bool], ids=str)
@pytest.mark.parametrize(
    "use",
    [
        lambda x, given: x * given,
        lambda x, given: x[given.long().abs()[0] % 2],
        lambda x, given: torch.where(given > 0, x, -x),
        lambda x, given: x + given.float().cumsum(0).sin(),
    ],
    ids=["product", "index", "condition", "steps"],
)
def test_an_input_that_is_read_is_drawn_whatever_its_type(dtype: torch.dtype, use: Callable[..., Tensor]) -> None:
    graph = trace(Discrete(use), torch.zeros(2, 4), torch.ones(2, 4).to(dtype))
    drawing = drawn(graph)
    assert torn(graph, drawing) == []
    assert any(item.id.startswith("given→") for item in of_kind(drawing, "edge"))


@pytest.mark.parametrize("name", ["attention_mask", "position_ids", "src_key_padding_mask", "srckeymask", "positions"])
def test_a_mask_or_position_that_the_model_calls_so_is_named_where_it_is_read(name: str) -> None:
    source = f"def forward(self, x, {name}):\n    seen = (({name} > 0).float() - 1) * 9\n"
    source += "    for block in self.blocks:\n        x = x + block(x + seen)\n    return x"
    space: dict[str, Callable[..., Tensor]] = {}
    exec(source, space)

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 4)) for _ in range(3))

        forward = space["forward"]

    graph = trace(Masked(), torch.zeros(2, 4), torch.ones(2, 4, dtype=torch.int64))
    for depth in (1, 2):
        drawing = drawn(graph, depth)
        assert torn(graph, drawing) == []
        assert {what for what, _ in stubs(drawing)} == {name}


def test_a_number_that_is_taken_out_of_a_value_leads_on() -> None:
    class Counted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 4)

        def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
            longest = lengths.max().item()
            torch._check(longest >= 0)
            return self.lin(x) * torch.arange(longest + 1).float().sum().sin()

    graph = trace(Counted(), torch.zeros(2, 4), torch.tensor([1, 2]))
    drawing = drawn(graph)
    assert torn(graph, drawing) == []
    assert any(item.id.startswith("lengths→") for item in of_kind(drawing, "edge"))


def test_what_nobody_reads_is_drawn_to_its_end() -> None:
    class Unread(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            self.lin(x).exp().view(-1)
            return self.lin(x)

    graph = trace(Unread(), torch.zeros(2, 4))
    assert torn(graph, drawn(graph)) == []


def test_what_nobody_reads_is_left_out_where_its_sources_lead_on() -> None:
    class Unread(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 4)
            self.register_buffer("last", torch.zeros(2, 4))

        def forward(self, x: Tensor) -> Tensor:
            found = self.lin(x)
            found.exp().reshape(4, 2)
            self.last.copy_(found)
            return found.relu()

    graph = trace(Unread(), torch.zeros(2, 4))
    drawing = drawn(graph)
    boxes = {graph.ops.nodes[item.id]["target"] for item in of_kind(drawing, "box") if item.id in graph.ops}
    assert boxes == {"x", "aten.copy_.default", "aten.relu.default", "output"}
