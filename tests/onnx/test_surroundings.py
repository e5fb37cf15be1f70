"""Autocast and the default device of the caller: a trace says that autocast is on, a verification takes no notice."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import ptgraph
from ptgraph.errors import ExportError, PtgraphWarning

NET = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
X = torch.ones(1, 4)


class Makes(nn.Module):
    """Makes a tensor on the default device."""

    def __init__(self) -> None:
        super().__init__()
        self.net = NET

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x + torch.ones(4))


def test_a_trace_under_autocast_says_so() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16), pytest.warns(PtgraphWarning, match=r"autocast is on \(cpu, bf"):
        assert ptgraph.trace(NET, X).op("output").dtype == "bfloat16"


@pytest.mark.parametrize("model", [NET, Makes()], ids=["plain", "makes"])
def test_a_verification_takes_no_notice(model: nn.Module) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(check.agrees for check in ptgraph.verify(model, args=(X,)))
    with torch.device("meta"):
        assert all(check.agrees for check in ptgraph.verify(model, args=(X,)))
        assert torch.empty(1).is_meta


def test_autocast_in_a_model_is_the_reason_that_is_given() -> None:
    class Within(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = NET

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return torch.as_tensor(self.net(x))

    with pytest.raises(ExportError, match="few operators for bfloat16: verify the model in float32, without autocast"):
        ptgraph.verify(Within(), args=(X,))
