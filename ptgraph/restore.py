"""Leave a model as it was found: tracing runs its forward, and a forward may change the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .contents import attributes, container, contents, is_a, parts, put


@contextlib.contextmanager
def left_as_found(model: nn.Module) -> Iterator[None]:
    """Give *model* its attributes back whatever happens (training modes, caches, counters), and torch its random state.

    What a module keeps in containers is given back too, by the methods of the built-in class that each is; what
    objects of other classes hold is theirs.
    """
    state = torch.random.get_rng_state()
    held = [(value, contents(value)) for value in reached(model) if container(value) is not None]
    try:
        yield
    finally:
        torch.random.set_rng_state(state)
        for value, items in held:
            put(value, items)


@contextlib.contextmanager
def values_kept(model: nn.Module) -> Iterator[None]:
    """Give the buffers of *model* their values back, where a forward with real numbers changed them in place."""
    buffers = [(b, b._version, b.detach().clone()) for b in model.buffers() if not b.is_meta]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, version, value in buffers:
                if buffer._version != version:
                    buffer.copy_(value)


def reached(model: nn.Module) -> list[Any]:
    """Return the attributes of all modules, the containers in them, and what those hold, each object once."""
    found: dict[int, Any] = {}  # an id names an object only as long as the object is kept
    left: list[Any] = list(model.modules())
    while left:
        value = left.pop()
        value = attributes(value) if is_a(value, nn.Module) else value
        if id(value) not in found:
            found[id(value)] = value
            left += parts(value) or ()
    return list(found.values())


__all__ = ["left_as_found", "reached", "values_kept"]
