"""Models without numbers: tensors are made on ``meta``, and functions that would fill such a tensor are skipped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks
from torch.nn.parameter import UninitializedParameter
from torch.overrides import TorchFunctionMode

from ptgraph.tracing.torch_internals import WeakIdKeyDictionary

_FILLS = {"normal_", "uniform_", "trunc_normal_", "zeros_", "ones_", "constant_", "fill_", "zero_", "orthogonal_"}
_FILLS |= {"kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "xavier_normal_"}


@contextlib.contextmanager
def on_meta() -> Iterator[None]:
    """Let tensors be made on ``meta``, and skip functions that fill such a tensor: they take time and do nothing."""
    with torch.device("meta"), _NoNumbers():
        yield


class _NoNumbers(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        filled = args[0] if args else named.get("tensor")
        if getattr(func, "__name__", "") in _FILLS and isinstance(filled, torch.Tensor) and filled.is_meta:
            return filled
        return func(*args, **named)


@contextlib.contextmanager
def parameters_on_meta() -> Iterator[None]:
    """Put each parameter that a module is given on ``meta``. Buffers stay real: a file of weights may not hold them."""
    moved: Any = WeakIdKeyDictionary()  # a parameter of several modules stays one parameter

    def move(module: nn.Module, name: str, parameter: Any) -> nn.Parameter | None:
        if parameter is None or parameter.is_meta or isinstance(parameter, UninitializedParameter):
            return None
        if parameter not in moved:
            moved[parameter] = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
        on_meta: nn.Parameter = moved[parameter]
        return on_meta

    handle = hooks.register_module_parameter_registration_hook(move)  # type: ignore[arg-type]  # it may return one
    try:
        yield
    finally:
        handle.remove()


__all__ = ["on_meta", "parameters_on_meta"]
