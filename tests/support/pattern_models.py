"""Models whose layers follow a pattern of letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import Box, View

SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "vocab_size": 50,
}


class Local(nn.Module):
    """A residual layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        y = x + self.linear(x).relu()
        return y if other is None else y * other


class Wide(Local):
    """Another residual layer, with two linear maps."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Linear(4, 4)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        return super().forward(x, other) + self.second(x).tanh()


class Deep(Local):
    """A third one, which is a chain of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(Local(), Wide(), Local(), Wide())

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        y: Tensor = self.inner(super().forward(x, other))
        return y


LETTERS: dict[str, type[Local]] = {"l": Local, "g": Wide, "d": Deep}


def chain(model: Any, x: Tensor) -> Any:
    for layer in model.layers:
        x = layer(x)
    return x.sum()


class Model(nn.Module):
    """Layers by their letters (`LETTERS`), wired by a function."""

    def __init__(self, letters: str, wire: Callable[..., Any] = chain) -> None:
        super().__init__()
        self.layers = nn.ModuleList(LETTERS[letter]() for letter in letters)
        self.wire = wire

    def forward(self, x: Tensor) -> Any:
        return self.wire(self, x * 2)


def graph_of_letters(letters: str, wire: Callable[..., Any] = chain) -> ModelGraph:
    with torch.device("meta"):
        return trace(Model(letters, wire), torch.ones(2, 4))


def folds_of(picture: View, leaf: str) -> list[Box]:
    """Return the folds around a box and itself, outermost first."""
    return [picture.boxes[at] for at in reversed(picture.chain(leaf)) if picture.boxes[at].repeat > 1]


def places_of(picture: View) -> dict[str, tuple[str, list[int]]]:
    """Return of each operation that is drawn or folded away its box, and its number in each fold around that."""
    shown = {b.op: b.id for b in picture.boxes.values() if b.op is not None}
    places = {op: (box, [0 for _ in folds_of(picture, box)]) for op, box in shown.items()}
    for op, (box, numbers) in picture.stands.items():
        folds = [fold.id for fold in folds_of(picture, box)]
        assert set(numbers) <= set(folds)
        places[op] = box, [numbers.get(fold, 0) for fold in folds]
    return places
