"""Names of values that a figure shows by a stub at their reader."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ptgraph import FigureOptions, trace
from ptgraph.figure.compose import figure
from tests.support.figure_checks import of_kind
from tests.support.figure_truth import torn


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        return x + torch.tanh(self.a(x + time)) * self.b(text)


class Repeated(nn.Module):
    """Two values go through operations of one name before all blocks read them."""

    def __init__(self) -> None:
        super().__init__()
        self.time_embedding, self.text_encoder = nn.Linear(4, 4), nn.Linear(4, 4)
        self.blocks = nn.ModuleList(Block() for _ in range(5))
        for number, block in enumerate(self.blocks):  # no two are equal, so none are folded
            block.a = nn.Sequential(*(nn.Linear(4, 4) for _ in range(number + 1)))

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        time = self.time_embedding(time).repeat_interleave(3, 0)
        text = self.text_encoder(text).repeat_interleave(3, 0)
        for block in self.blocks:
            x = block(x, time, text)
        return x


def test_operations_of_one_name_are_named_by_what_they_are_made_of() -> None:
    graph = trace(Repeated().eval(), torch.ones(6, 4), torch.ones(2, 4), torch.ones(2, 4), name="model")
    drawing = figure(graph, FigureOptions(height="600mm"), depth=1)
    stubs = [item.title.partition(",")[0] for item in of_kind(drawing, "stub")]
    assert sorted(stubs) == ["text_encoder"] * 4 + ["time_embedding"] * 4
    assert torn(graph, drawing) == []
