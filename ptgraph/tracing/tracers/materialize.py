"""Give a model on ``meta`` real numbers for the time, small random ones: a tracer that runs the model needs them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.tracing.containers import is_a, put, swapped
from ptgraph.tracing.state_guard import reached, values_kept
from ptgraph.tracing.torch_internals import pytree
from ptgraph.tracing.tracers.bound_call import BoundCall


def may_be_real(model: nn.Module | None) -> bool:
    """Return whether *model* has tensors on meta, be they plain attributes, and could be built with real numbers."""
    tensors = [t for t, _ in reached(model) if is_a(t, torch.Tensor)] if model is not None else []
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return any(tensor.is_meta for tensor in tensors) and size <= limit("weights")


@contextlib.contextmanager
def materialized(call: BoundCall) -> Iterator[BoundCall]:
    """Give the call with real numbers: for the time, small random ones take the place of tensors on meta.

    Raises MemoryError if the model has more bytes of them than the limit ``weights``.
    """
    inputs = {id(t): t for t in pytree.tree_leaves((call.args, call.kwargs)) if isinstance(t, torch.Tensor)}
    given = {key: _real(tensor) for key, tensor in inputs.items()}  # what is passed twice stays one tensor
    everything = reached(call.model)
    empty = {id(t): t for t, _ in everything if is_a(t, torch.Tensor) and t.is_meta}
    size = sum(tensor.numel() * tensor.element_size() for tensor in empty.values())
    if size > limit("weights"):
        raise MemoryError(
            f"it needs real weights, and {size / 2**30:.1f} GiB of them are more than {limit_text('weights')}; "
            + remedy("weights")
        )
    made = {key: _real(tensor) for key, tensor in empty.items()}
    held = [(value, items) for value, items in everything if made and items is not None]
    with values_kept(call.model):
        try:
            for value, items in held:
                put(value, [swapped(item, made) for item in items])
            yield call.with_tensors(given)
        finally:
            for value, items in held:
                put(value, items)


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
