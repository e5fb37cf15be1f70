"""What is written into a part of a tensor has the shape of that part, also where it is broadcast."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ptgraph.onnx.verifying.compare import compare
from ptgraph.tracing.build_graph import graph_of
from ptgraph.tracing.source import Source


class Copies(nn.Module):
    def __init__(self, through_data: bool) -> None:
        super().__init__()
        self.through_data = through_data

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        whole = x.new_zeros(2, 4, 3)
        (whole.data if self.through_data else whole)[:, 1:].copy_(x)
        whole[:, 0].copy_(y.double())
        return whole + 1, y.copy_(x[0])


@pytest.mark.parametrize("through_data", [False, True])
def test_a_copy_is_broadcast(through_data: bool) -> None:
    source = Source("copies", Copies(through_data), (torch.ones(3, 3), torch.ones(3)))
    checks = compare(source, graph_of(source))
    assert len(checks) == 4 and all(check.agrees for check in checks), checks
