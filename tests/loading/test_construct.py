"""A model is built once, on meta where that is possible; a fault of its own is told at once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ptgraph.errors import LoadError
from ptgraph.loading.construct import construct
from ptgraph.loading.request import Request

PLAIN = Request([], weights=False, made_up=False, checkpoint=None, trust=False)


class Counted(nn.Module):
    """Counts how often it is built."""

    built = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).built += 1
        self.linear = nn.Linear(2, 2)


class Misspelled(Counted):
    built = 0

    def __init__(self) -> None:
        super().__init__()
        self.size = self.liner.weight.shape


class NeedsNumbers(Counted):
    built = 0

    def __init__(self) -> None:
        super().__init__()
        self.largest = self.linear.weight.max().item()


def test_a_fault_of_its_own_is_told_and_the_model_is_not_built_with_real_weights() -> None:
    with pytest.raises(LoadError, match=r"building net failed: AttributeError: 'Misspelled' object has no .* 'liner'"):
        construct(Misspelled, "net", PLAIN)
    assert Misspelled.built == 1


def test_a_model_that_needs_numbers_is_built_again_with_them() -> None:
    model = construct(NeedsNumbers, "net", PLAIN)
    assert NeedsNumbers.built == 2
    assert isinstance(model, NeedsNumbers) and isinstance(model.largest, float)
    assert not model.linear.weight.is_meta


def test_a_model_that_needs_none_is_built_once_on_meta() -> None:
    Counted.built = 0
    model = construct(Counted, "net", PLAIN)
    assert Counted.built == 1
    assert all(isinstance(p, torch.Tensor) and p.is_meta for p in model.parameters())
