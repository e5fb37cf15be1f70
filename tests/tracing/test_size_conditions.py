"""Named dimensions are free, or what a program takes for granted of them is said and tried."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ptgraph
from ptgraph.errors import PtgraphWarning
from ptgraph.formats.json import document


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)


class Even(Net):
    """Does another thing with an even number of rows."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.layer(x * 2 if x.shape[0] % 2 == 0 else x))


class Many(Net):
    """Does another thing with more than four rows."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.layer(x * 2 if x.shape[0] > 4 else x))


class Patches(Net):
    """Has 64 positions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 8, 8)
        self.positions = nn.Parameter(torch.zeros(64, 8))

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.conv(x).flatten(2).transpose(1, 2) + self.positions)


class Free(Net):
    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.layer(x))


ROWS = (torch.ones(8, 8),), {"x": {0: "N"}}
IMAGE = (torch.ones(1, 3, 64, 64),), {"x": {2: "H", 3: "W"}}


@pytest.mark.parametrize(
    ("model", "given", "conditions"),
    [
        (Even(), ROWS, ["(N % 2) == 0"]),
        (Many(), ROWS, ["N > 4"]),
        (Patches(), IMAGE, ["((W // 8)*(H // 8)) == 64"]),
    ],
    ids=["even", "many", "patches"],
)
def test_a_condition_is_said(model: nn.Module, given: Any, conditions: list[str]) -> None:
    with pytest.warns(PtgraphWarning, match="is traced as it runs where") as said:
        graph = ptgraph.trace(model, *given[0], dynamic=given[1])
    assert graph.size_conditions == conditions
    assert conditions[0] in str(said[0].message)
    assert document(graph)["model"]["size_conditions"] == conditions


def test_what_is_free_has_no_condition() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", PtgraphWarning)
        graph = ptgraph.trace(Free(), *ROWS[0], dynamic=ROWS[1])
    assert graph.size_conditions == []
    assert "size_conditions" not in document(graph)["model"]


@pytest.mark.filterwarnings("ignore::ptgraph.errors.PtgraphWarning")
@pytest.mark.parametrize(("model", "size"), [(Even(), 7), (Many(), 4)], ids=["even", "many"])
def test_a_verification_tries_a_size_that_breaks_it(model: nn.Module, size: int) -> None:
    checks = ptgraph.verify(model, args=ROWS[0], dynamic=ROWS[1])
    assert [check.agrees for check in checks] == [True, True, False]
    assert [check.sizes["N"] == size for check in checks] == [False, False, True]


@pytest.mark.filterwarnings("ignore::ptgraph.errors.PtgraphWarning")
def test_where_the_model_does_not_run_there_is_nothing_to_compare() -> None:
    checks = ptgraph.verify(Patches(), args=IMAGE[0], dynamic=IMAGE[1])
    assert [check.agrees for check in checks] == [True, True]
