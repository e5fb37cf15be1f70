"""Parameters and buffers that ``forward`` reads from a list, a dict or a tuple of its own, not by their names."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import ptgraph
from ptgraph.api import analyze


class Lists(nn.Module):
    """It reads all its tensors elsewhere than where they are registered."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias, self.spare = (nn.Parameter(torch.ones(3, 3)) for _ in range(3))
        self.register_buffer("scale", torch.full((3,), 2.0))
        self.tables = [self.weight], {"bias": self.bias}, (self.scale,)

    def forward(self, x: Tensor) -> Tensor:
        (weight,), biases, (scale,) = self.tables
        return torch.nn.functional.linear(x, weight) @ biases["bias"] * scale


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_they_are_the_parameters_and_buffers_that_they_are(device: str) -> None:
    with torch.device(device):
        graph = ptgraph.trace(Lists(), torch.ones(2, 3))
    assert {(p.name, p.kind, p.used) for p in graph.parameters} == {
        ("weight", "parameter", True),
        ("bias", "parameter", True),
        ("spare", "parameter", False),
        ("scale", "buffer", True),
    }
    assert graph.of_kind("constant") == []
    assert analyze(graph).totals["unused_params"] == 9
    (product,) = (graph.op(name) for name in graph.of_kind("op") if "linear" in graph.op(name).target)
    assert product.params == 9


def test_their_onnx_gives_what_the_model_gives() -> None:
    assert all(item.agrees for item in ptgraph.verify(Lists(), args=(torch.randn(2, 3),)))
