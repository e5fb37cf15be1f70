"""Give a model on ``meta`` real numbers, small random ones in a copy of it: a tracer that runs the model needs them."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from .restore import values_kept

MATERIALIZE_LIMIT = 4 * 2**30  # bytes of weights that the last rungs will make up on this machine


def may_be_real(model: nn.Module | None) -> bool:
    """Return whether *model* is on meta and small enough to be built with real numbers instead."""
    tensors = [*model.parameters(), *model.buffers()] if model is not None else []
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return any(tensor.is_meta for tensor in tensors) and size <= MATERIALIZE_LIMIT


@contextlib.contextmanager
def materialized(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[nn.Module, tuple[Any, ...], dict[str, Any]]]:
    """Give model and inputs with real numbers: as they are, or a copy with small random ones for meta."""
    inputs = {id(t): t for t in pytree.tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
    given = {key: _real(tensor) for key, tensor in inputs.items()}  # what is passed twice stays one tensor
    args, kwargs = pytree.tree_map_only(torch.Tensor, lambda t: given[id(t)], (args, kwargs))
    leaves = [leaf for module in model.modules() for leaf in pytree.tree_leaves(vars(module))]
    empty = {id(t): t for t in leaves if isinstance(t, torch.Tensor) and t.is_meta}
    if not empty:
        with values_kept(model):
            yield model, args, kwargs
        return
    size = sum(tensor.numel() * tensor.element_size() for tensor in empty.values())
    if size > MATERIALIZE_LIMIT:
        raise MemoryError(f"it needs real weights, and {size / 2**30:.1f} GiB of them are too many")
    yield copy.deepcopy(model, {key: _real(tensor) for key, tensor in empty.items()}), args, kwargs


def _real(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy of *tensor*; of one on meta, one with small random numbers, or zeros, or true."""
    if not tensor.is_meta:
        return tensor.detach().clone()
    if tensor.dtype.is_floating_point:
        random = torch.Generator().manual_seed(0)
        real = torch.empty(tensor.shape).normal_(0.0, 0.02, generator=random).to(tensor.dtype)
    else:
        real = torch.full(tensor.shape, tensor.dtype == torch.bool, dtype=tensor.dtype)
    return nn.Parameter(real, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else real


__all__ = ["materialized", "may_be_real"]
