"""Detectors whose every level gives as many results as its data have: torch.export cannot, draft_export can."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import ptgraph


class Detector(nn.Module):
    """As RetinaNet and FCOS of torchvision do it: the best of each level, and another way where there are many."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 30)

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for scores in self.head(x).unbind(0):
            (index,) = torch.where(scores > 0)
            best = scores[index].topk(min(10, index.shape[0]))[1]
            found.append(torch.div(index[best], 3, rounding_mode="floor"))
        kept = torch.cat(found)
        return kept if kept.numel() > 20 else kept + 1


@pytest.mark.filterwarnings("ignore:.*was traced by")
def test_each_level_gives_as_many_as_it_has_and_there_is_onnx() -> None:
    torch.manual_seed(0)
    model, x = Detector().eval(), torch.randn(3, 4)
    graph = ptgraph.trace(model, x)
    assert graph.tracer == "torch.export.draft_export"
    first = ptgraph.verify(model, args=(x,))[0]
    assert first.agrees and first.shape == tuple(model(x).shape)
