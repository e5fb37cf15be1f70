"""Hooks on the calls of all modules for a time: none is put on the model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.nn.modules import module as hooks


@contextlib.contextmanager
def every_call(begin: Callable[[nn.Module, Any], None], end: Callable[[nn.Module, Any, Any], None]) -> Iterator[None]:
    """Call *begin* with each module that is called and its inputs, and *end* with its result, too, even if it raises.

    It makes torch.export slower by a third: `ptgraph.tracing.torch_internals.calls_watched` does not.
    """
    handles = [
        hooks.register_module_forward_pre_hook(begin),
        hooks.register_module_forward_hook(end, always_call=True),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


__all__ = ["every_call"]
