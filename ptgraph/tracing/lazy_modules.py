"""Lazy modules of torch, whose parameters have no shape before the first run: a copy is run once."""

from __future__ import annotations

import copy
import logging
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from ptgraph.common.interrupts import check
from ptgraph.common.silence import quiet
from ptgraph.errors import LoadError
from ptgraph.tracing.module_walk import modules, named_buffers, named_parameters, to_evaluation
from ptgraph.tracing.plain_values import reason
from ptgraph.tracing.torch_internals import pytree

log = logging.getLogger(__name__)


def uninitialized(model: nn.Module) -> str | None:
    """Return the name of the first parameter or buffer that has no shape yet, or None."""
    for name, tensor in [*named_parameters(model), *named_buffers(model)]:
        if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
            return name
    return None


def initialized(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, name: str) -> nn.Module:
    """Return a copy of *model*, called *name*, in which each parameter has its shape; *model* stays as it was.

    The copy is run once on the inputs, in evaluation mode. The random state is put back.
    Raises LoadError if it cannot be copied or run, or does not use all of its lazy modules.
    """
    unknown = f"{name} does not know the shape of {uninitialized(model)} yet"
    given = pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.detach().clone(), (args, kwargs))
    try:
        with quiet(), torch.random.fork_rng(devices=[]), torch.no_grad():
            known = copy.deepcopy(model, _empty_buffers(model))
            modes = [(module, module.training) for module in modules(known)]
            to_evaluation(known)
            known(*given[0], **given[1])
    except Exception as error:  # the model is code of the user
        check(error)
        log.debug("%s cannot be initialized", name, exc_info=True)
        raise LoadError(f"{unknown}, and cannot be run on its inputs to learn it: {reason(error)}") from error
    for module, training in modes:
        module.training = training
    if (left := uninitialized(known)) is not None:
        raise LoadError(f"{name} does not know the shape of {left}, which forward does not use")
    return known


def _empty_buffers(model: nn.Module) -> dict[int, Any]:
    """Return copies of the buffers without a shape, which torch cannot copy itself, as the memo of a deep copy."""
    return {
        id(buffer): UninitializedBuffer(device=buffer.device, dtype=buffer.dtype)  # type: ignore[call-arg]
        for _, buffer in named_buffers(model)
        if isinstance(buffer, UninitializedBuffer)
    }


__all__ = ["initialized", "uninitialized"]
