"""Dimensions that may vary: what torch.export is told of them, and its symbols by the names that the user gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.export import Dim

from ptgraph.errors import UsageError
from ptgraph.tracing.source import Dynamic
from ptgraph.tracing.torch_internals import FIXED_SIZE, INPUT_SIZE, SYMBOL, expression_of, is_symbolic, pytree


def dynamic_shapes(given: dict[str, Any], dynamic: Dynamic) -> dict[str, Any] | None:
    """Return what torch.export wants to know of each argument: which of its dimensions may vary."""
    if not dynamic:
        return None
    for name, dims in dynamic.items():
        value = given.get(name)
        if not isinstance(value, torch.Tensor):
            tensors = ", ".join(n for n, v in given.items() if isinstance(v, torch.Tensor))
            raise UsageError(f"no tensor input {name!r} has dimensions to vary; the inputs are: {tensors}")
        for dimension in dims:
            if not -value.ndim <= dimension < value.ndim:
                raise UsageError(f"input {name!r} has {value.ndim} dimensions, so none with the number {dimension}")
            if value.shape[dimension] < 2:
                raise UsageError(
                    f"dimension {dims[dimension]!r} of input {name!r} has the size {value.shape[dimension]}; "
                    "one that may vary needs an example size of 2 or more"
                )
    return {
        name: {d % value.ndim: Dim.DYNAMIC for d in dynamic[name]}
        if name in dynamic
        else pytree.tree_map(lambda leaf: None, value)
        for name, value in given.items()
    }


def violated(message: str, dynamic: Dynamic) -> tuple[list[str], list[str]]:
    """Return the dimensions that *message* speaks of (as ``L['x'].size()[0]``), or else all, and the sizes it fixes."""
    names = {(argument, d): name for argument, dims in dynamic.items() for d, name in dims.items()}
    places = {(argument, int(dimension)) for argument, dimension in INPUT_SIZE.findall(message)}
    said = {name for (argument, d), name in names.items() if (argument, d) in places}
    return sorted(said or set(names.values())), sorted(set(FIXED_SIZE.findall(message)))


def named_size(size: Any, names: Mapping[str, str]) -> int | str:
    """Return a size as a number or, where it may vary, as text with *names* in the place of the symbols."""
    if isinstance(size, int):
        return size
    text = str(expression_of(size)) if is_symbolic(size) else str(size)
    named = SYMBOL.sub(lambda m: names.get(m[0], m[0]), text)
    return int(named) if named.lstrip("-").isdigit() else named


__all__ = ["dynamic_shapes", "named_size", "violated"]
