"""Small operations that are one box."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.figure.simplify import simplify
from ptgraph.graph.view.build import view


class Rotated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        angles = torch.arange(x.shape[1])[:, None] * torch.arange(8)[None] * 0.1
        query = self.query(x)
        turned = torch.cat([-query[..., 4:], query[..., :4]], -1)
        return query * angles.cos() + turned * angles.sin()


class Decoded(nn.Module):
    """Boxes from anchors: it multiplies, adds and concatenates, too, and reads positions."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        anchors = torch.arange(x.shape[1])[:, None] * torch.arange(4)[None] * 0.1
        low, high = self.head(x).chunk(2, -1)
        return torch.cat([low * anchors + 1, high.clamp(0, 1) * anchors + low], -1)


def titles(model: nn.Module) -> set[str]:
    graph = trace(model.eval(), torch.ones(2, 6, 8), name="model")
    return {box.title for box in simplify(graph, view(graph)).boxes.values()}


def test_a_rotary_embedding_has_its_name() -> None:
    assert "rotary embedding" in titles(Rotated())


def test_other_operations_on_positions_are_no_rotary_embedding() -> None:
    assert "rotary embedding" not in titles(Decoded())
