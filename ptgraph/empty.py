"""Build a model without numbers: on ``meta``, where filling a tensor with random ones has no effect and takes time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_FILLS = {
    *("normal_", "uniform_", "trunc_normal_", "zeros_", "ones_", "constant_", "fill_", "zero_", "orthogonal_"),
    *("kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "xavier_normal_"),
}


@contextlib.contextmanager
def on_meta() -> Iterator[None]:
    """Let tensors be made on ``meta``, and what would fill such a tensor leave it as it is."""
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


__all__ = ["on_meta"]
