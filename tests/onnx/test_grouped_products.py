"""Products of groups of rows, and histograms, are the same in ONNX Runtime and torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers.integrations.moe  # noqa: F401  # makes the operator
from torch import Tensor, nn

from ptgraph import verify


class Experts(nn.Module):
    """Each row goes to the expert that its first number names; some experts get none."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 8, 3))

    def forward(self, x: Tensor) -> Tensor:
        expert, order = torch.sort((x[:, 0] * 2).abs().floor().clamp(max=4))
        ends = torch.histc(expert, bins=5, min=0, max=4).cumsum(0, dtype=torch.int32)
        grouped: Tensor = torch.ops.transformers.grouped_mm_fallback(x[order], self.weight, ends)
        return grouped[order.argsort()]

    def example_inputs(self) -> Tensor:
        return torch.randn(7, 8)


class Histogram(nn.Module):
    """Values on bounds, on edges, and outside."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.histc(x, bins=4, min=-1, max=3)

    def example_inputs(self) -> Tensor:
        return torch.tensor([[-1.0, -0.5, 0.0, 1.0], [3.0, 3.5, -1.5, 2.999]])


@pytest.mark.parametrize("kind", [Experts, Histogram])
def test_onnx_runtime_and_torch_agree(kind: type[nn.Module]) -> None:
    model: Any = kind()
    found = verify(model, args=(model.example_inputs(),))
    assert found and all(each.agrees for each in found), found
