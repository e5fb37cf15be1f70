"""The state of a model, restored after tracing: tracing runs its forward, which may change the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from ptgraph.tracing.containers import attributes, container, contents, is_a, put, state
from ptgraph.tracing.torch_internals import version_of

_PLAIN = frozenset((int, float, bool, str, bytes, type(None), type))


@contextlib.contextmanager
def left_as_found(model: nn.Module) -> Iterator[None]:
    """Give *model* its attributes back whatever happens (training modes, caches, counters), and torch its random state.

    What a module keeps in containers is given back too, by the methods of the built-in class that each is; what
    objects of other classes hold is theirs.
    """
    random = torch.random.get_rng_state()
    held = [(value, items) for value, items in reached(model) if items is not None]
    try:
        yield
    finally:
        torch.random.set_rng_state(random)
        for value, items in held:
            put(value, items)


@contextlib.contextmanager
def values_kept(model: nn.Module) -> Iterator[None]:
    """Give the buffers of *model* their values back, where a forward with real numbers changed them in place."""
    buffers = [(b, version_of(b), b.detach().clone()) for b in model.buffers() if not b.is_meta]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, version, value in buffers:
                if version_of(buffer) != version:
                    buffer.copy_(value)


def reached(model: nn.Module) -> list[tuple[Any, list[Any] | None]]:
    """Return the attributes of all modules, the containers in them, and what those hold, each object once.

    Beside a container stands what is in it, beside any other object None; plain values are left out.
    """
    found: dict[int, tuple[Any, list[Any] | None]] = {}  # an id names an object only as long as the object is kept
    left: list[Any] = list(model.modules())
    while left:
        value = left.pop()
        if type(value) in _PLAIN or id(value) in found:
            continue
        items = contents(value) if container(value) is not None else None
        found[id(value)] = value, items
        left += items or ()
        own = attributes(value) if is_a(value, nn.Module) else state(value)
        if own is not None:
            left.append(own)
    return list(found.values())


@contextlib.contextmanager
def fast_paths_off() -> Iterator[None]:
    """Let ``nn.TransformerEncoderLayer`` and its like run what they are made of, not one fused operator."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


__all__ = ["fast_paths_off", "left_as_found", "reached", "values_kept"]
