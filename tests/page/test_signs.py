"""Which operations the page draws as ⊕ and ⊗."""

from __future__ import annotations

import torch
from torch import nn

from ptgraph import trace
from ptgraph.graph.view.build import view
from ptgraph.page.document import diagram
from ptgraph.page.signs import signs_of


class Sums(nn.Module):
    """Sums and products of two values, of a value and a parameter, of one value, and of a value and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("table", torch.arange(4.0))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        both = (x + y) * self.scale
        alone = torch.add(both, both) * 3
        return (alone + self.table).relu() - x


def test_two_values_or_one_and_a_parameter_are_joined_by_a_sign() -> None:
    graph = trace(Sums(), torch.zeros(2, 4), torch.zeros(2, 4))
    picture = view(graph)
    signs = signs_of(graph, picture)
    assert list(signs.values()) == ["+", "×"]
    boxes = diagram(graph, picture)["boxes"]
    for name, sign in signs.items():
        assert boxes[name]["sign"] == sign
        width, height = boxes[name]["size"]
        assert width == height < 30
    others = [box for name, box in boxes.items() if name not in signs]
    assert not any("sign" in box for box in others)
    assert sum(box["title"] in ("add", "mul") for box in others) == 3
