"""A model whose modules are called as a test wants them called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


class Odd(nn.Module):
    """A module for each of *names*, all side by side."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU()))

    def forward(self, x: Tensor) -> Any:
        return [part(x) for part in self.children()]
