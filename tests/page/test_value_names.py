"""What a value is called where it is read away from its box."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ptgraph import trace
from ptgraph.graph.view.build import view
from ptgraph.graph.view.model import View
from ptgraph.page.value_names import ValueNames


class Block(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.up, self.told = nn.Linear(4, size), nn.Linear(4, size)
        self.down = nn.Linear(size, 4)

    def forward(self, x: torch.Tensor, time: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        return self.down(self.up(x) * self.told(time)) * cos + sin


class Rotary(nn.Module):
    def forward(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return t.cos(), t.sin()


class Timed(nn.Module):
    """Blocks, no two alike, that are told a time, and turned by two values of one module."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 4))
        self.rotary = Rotary()
        self.blocks = nn.ModuleList(Block(k) for k in range(2, 7))

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        time, (cos, sin), gain = self.time(t), self.rotary(t), t.exp()
        for block in self.blocks:
            x = block(x * gain, time, cos, sin)
        return x


@pytest.fixture(scope="module")
def timed() -> View:
    return view(trace(Timed(), torch.zeros(2, 4), torch.zeros(2, 4)))


def named(picture: View, reader: str) -> set[str]:
    """Return the names of what a box reads without a line."""
    names = ValueNames(picture)
    inside = [link for link in picture.links if link.shared and reader in picture.chain(link.target)]
    return {names.of(link.source, reader) for link in inside}


def test_a_value_is_called_after_the_outermost_box_that_its_reader_is_not_in(timed: View) -> None:
    assert named(timed, "/blocks.3") == {"time", "rotary.cos", "rotary.sin"}


def test_in_the_box_itself_it_has_its_own_name(timed: View) -> None:
    names = ValueNames(timed)
    last = next(link.source for link in timed.links if link.shared and names.of(link.source, "/blocks.3") == "time")
    assert names.of(last, "/time.1") == timed.boxes[last].title == "2"


def test_of_operations_with_one_title_the_id_says_which() -> None:
    class Sums(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return ((x + y) * x) * ((x + y + 1) * y)

    picture = view(trace(Sums(), torch.zeros(2), torch.zeros(2)))
    sums = [box.id for box in picture.boxes.values() if box.title == "add"]
    assert len(sums) > 1
    assert [ValueNames(picture).of(one, "output") for one in sums] == sums
