"""Leave a model as it was found: tracing runs its forward, and a forward may change the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


@contextlib.contextmanager
def left_as_found(model: nn.Module) -> Iterator[None]:
    """Give *model* its attributes back whatever happens (training modes, caches, counters), and torch its random state.

    What a module keeps in plain containers is given back too; what objects of other classes hold is theirs.
    """
    state = torch.random.get_rng_state()
    modules = [(vars(module), dict(vars(module))) for module in model.modules()]
    held: dict[int, tuple[Any, Any]] = {}
    for _, attributes in modules:
        for value in attributes.values():
            _note(value, held)
    try:
        yield
    finally:
        torch.random.set_rng_state(state)
        for now, before in [*modules, *held.values()]:
            _put_back(now, before)


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


def _note(value: Any, held: dict[int, tuple[Any, Any]]) -> None:
    """Note what a dict, list or set holds, and the containers in it."""
    if id(value) in held or not isinstance(value, dict | list | set):
        return
    kind = next(kind for kind in (dict, list, set) if isinstance(value, kind))
    held[id(value)] = (value, kind(value))
    for item in value.values() if isinstance(value, dict) else value:
        _note(item, held)


def _put_back(now: Any, before: Any) -> None:
    now.clear()
    if isinstance(now, list):
        now.extend(before)
    else:
        now.update(before)


__all__ = ["left_as_found", "values_kept"]
