"""Registry of the zoo: functions that make small models of other people's libraries, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module as library
from typing import Any

import torch
from torch import Tensor

Made = tuple[Any, tuple[Any, ...]] | tuple[Any, tuple[Any, ...], dict[str, Any]]
Make = Callable[[], Made]


@dataclass(frozen=True)
class Entry:
    """A model of the zoo: the *library* (a distribution on PyPI) that it is of, and *make*, which imports it."""

    name: str
    library: str
    make: Make


ZOO: dict[str, Entry] = {}


def add(distribution: str, name: str, make: Make) -> None:
    """Add the model *name* of a library; *make* returns it with its arguments, and keyword arguments if it has any."""
    if name in ZOO:
        raise ValueError(f"the zoo has two models {name}")
    ZOO[name] = Entry(name, distribution, make)


def model(distribution: str) -> Callable[[Make], Make]:
    """Add the function below as a model of a library, under the function's name."""

    def decorate(make: Make) -> Make:
        add(distribution, make.__name__, make)
        return make

    return decorate


def image(size: int = 64, channels: int = 3, batch: int = 1) -> Tensor:
    """Return a square picture, ``[batch, channels, size, size]``."""
    return torch.rand(batch, channels, size, size)


def volume(size: int = 32, channels: int = 1) -> Tensor:
    """Return a cube, ``[1, channels, size, size, size]``."""
    return torch.rand(1, channels, size, size, size)


def ids(length: int = 16, most: int = 64, batch: int = 1) -> Tensor:
    """Return tokens below *most*, ``[batch, length]``."""
    return torch.randint(0, most, (batch, length))


__all__ = ["ZOO", "Entry", "Made", "Make", "add", "ids", "image", "library", "model", "volume"]
