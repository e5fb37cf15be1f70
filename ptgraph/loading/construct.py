"""Classes and factories → a model, on ``meta`` if no weights are wanted."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ptgraph.common.interrupts import check
from ptgraph.common.silence import quiet
from ptgraph.errors import LoadError, PtgraphError
from ptgraph.loading.meta_init import on_meta, parameters_on_meta
from ptgraph.loading.request import Request
from ptgraph.loading.user_code import reason_of, run_user_code
from ptgraph.tracing.lazy_modules import uninitialized
from ptgraph.tracing.module_walk import named_parameters

log = logging.getLogger(__name__)
_ITS_OWN = (AttributeError, ImportError, NameError, SystemExit)  # not raised because a tensor is on meta


def need_memory(model: nn.Module, path: Path) -> None:
    """Raise LoadError if the weights of *model*, which is on meta, are more than this machine can hold."""
    size = sum(tensor.numel() * tensor.element_size() for tensor in nn.Module.state_dict(model).values())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise LoadError(
            f"the weights of {path} take {size / 2**30:.1f} GiB, and this machine has {memory / 2**30:.1f} GiB"
        )


def construct(factory: Callable[[], Any], what: str, wanted: Request) -> nn.Module:
    """Return the model that *factory* makes: on ``meta`` if that works and no weights are *wanted*.

    The random state is seeded, and put back. *what* names the factory in messages.
    Raises LoadError if it needs arguments, raises an error, or returns no module.
    """
    required = [
        name
        for name, p in _signature(factory).items()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if required:
        raise LoadError(
            f"{what} needs arguments to be built ({', '.join(required)}); name an instance, or a factory without any"
        )
    with torch.random.fork_rng(devices=[]):
        model = _empty(factory, what, wanted)
        if model is None:
            torch.manual_seed(0)
            model = run_user_code(factory, f"building {what}")
    if not isinstance(model, nn.Module):
        raise LoadError(f"{what} returned something of type {type(model).__name__}, not a torch.nn.Module")
    return model


def _empty(factory: Callable[[], Any], what: str, wanted: Request) -> Any:
    """Return the model of *factory* without weights; None if weights are wanted, or it cannot be built on ``meta``.

    Raises LoadError for an error that real weights would not prevent.
    """
    if wanted.checkpoint is None and (wanted.weights or wanted.made_up):
        return None
    torch.manual_seed(0)
    try:
        with quiet():
            if wanted.checkpoint is not None:
                with parameters_on_meta():
                    model = factory()
                lazy = isinstance(model, nn.Module) and uninitialized(model) is not None
                return None if lazy else model
            with on_meta():
                model = factory()
            if isinstance(model, nn.Module) and any(p.is_meta for _, p in named_parameters(model)):
                nn.Module.to(model, "meta")  # what came from numpy or by an old constructor ignored the device
            return model
    except PtgraphError:
        raise
    except _ITS_OWN as error:
        raise LoadError(f"building {what} failed: {reason_of(error)}") from error
    except Exception as error:  # most likely it needs the numbers that tensors on meta do not have
        check(error)
        log.debug("%s cannot be built on meta", what, exc_info=True)
        return None


def _signature(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(factory).parameters)
    except (TypeError, ValueError):
        return {}


__all__ = ["construct", "need_memory"]
