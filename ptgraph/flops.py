"""Floating-point operations of one operator, by torch's own counter on ``meta`` tensors of the traced shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch
from torch import fx
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode


class FlopCounter:
    """Counts what a node does by running its operator once on ``meta``; equal nodes are run once.

    An operator that cannot run on ``meta`` (its result depends on data) has no formula in torch and counts 0.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def count(self, function: Callable[..., Any], args: Any, kwargs: Any) -> int:
        """Return the FLOPs of ``function(*args, **kwargs)``, where fx nodes stand for their values."""
        leaves, spec = pytree.tree_flatten((args, kwargs))
        values = [_example(leaf) for leaf in leaves]
        key = json.dumps([str(function), id(function), str(spec), [_key(value) for value in values]])
        if key not in self._known:
            self._known[key] = self._run(function, *pytree.tree_unflatten(values, spec))
        return self._known[key]

    def _run(self, function: Callable[..., Any], args: Any, kwargs: Any) -> int:
        counter = FlopCounterMode(display=False)
        try:
            with torch.no_grad(), counter:
                function(*args, **kwargs)
        except Exception:  # no meta kernel, or a value is needed: then torch has no formula for it either
            return 0
        return int(counter.get_total_flops())


def _example(leaf: Any) -> Any:
    """Return a value like the one that flows here: dynamic sizes take the size of the example input."""
    if isinstance(leaf, fx.Node):
        return pytree.tree_map(_example, leaf.meta.get("val"))
    if isinstance(leaf, torch.Tensor):
        return torch.empty([_size(n) for n in leaf.shape], dtype=leaf.dtype, device="meta")
    if isinstance(leaf, torch.SymInt):
        return _size(leaf)
    if isinstance(leaf, torch.device):
        return torch.device("meta")
    return leaf


def _size(size: Any) -> int:
    if isinstance(size, int):
        return size
    hint = size.node.hint
    return int(hint) if isinstance(hint, int) else 1


def _key(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype}{list(value.shape)}"
    return f"{type(value).__name__} {value}"


__all__ = ["FlopCounter"]
