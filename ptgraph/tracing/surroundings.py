"""What the caller has set for a whole thread: autocast and the default device."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import torch
from torch import nn

from ptgraph.errors import PtgraphWarning
from ptgraph.tracing.module_walk import tensors

_DEVICES = ("cpu", "cuda", "mps", "xpu")  # that autocast is told apart by


def warn_of_autocast() -> None:
    """Warn with a PtgraphWarning if autocast is on: the graph is that of the types that it gives."""
    on = [device for device in _DEVICES if torch.is_autocast_enabled(device)]
    if on:
        text = f"autocast is on ({on[0]}, {torch.get_autocast_dtype(on[0])}): the graph has the types that it gives"
        warnings.warn(PtgraphWarning(text.replace("torch.", "")), stacklevel=2)


@contextlib.contextmanager
def surroundings_off(model: nn.Module | None) -> Iterator[None]:
    """Turn autocast off, and let new tensors be on the device of *model*, or on the CPU."""
    first = next(iter(tensors(model)), None) if model is not None else None
    with contextlib.ExitStack() as stack:
        for device in _DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        stack.enter_context(torch.device(first.device if first is not None else "cpu"))
        yield


__all__ = ["surroundings_off", "warn_of_autocast"]
