"""Modules, parameters and buffers of a model, read from what ``nn.Module`` keeps: no code of the user's class runs.

A user's class may have an attribute that is called ``modules``, ``parameters`` or ``train``, a list for example.
Names and order are those of the functions of ``nn.Module``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import torch
from torch import nn

from ptgraph.tracing.torch_internals import memory_key, own_buffers, own_modules, own_parameters

Held = TypeVar("Held", bound=torch.Tensor)
SLICE = re.compile(r"slice\((\S+), (\S+), (\S+)\)")  # a step of a path by torch.export


def named_children(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and module of the direct children, each module once."""
    seen: set[int] = set()
    for name, child in own_modules(module).items():
        if child is not None and id(child) not in seen:
            seen.add(id(child))
            yield name, child


def named_modules(model: nn.Module, *, remove_duplicate: bool = True) -> Iterator[tuple[str, nn.Module]]:
    """Yield path and module, the model itself first; one of several paths only once, unless told otherwise."""
    seen: set[int] = set()
    left = [("", model)]
    while left:
        path, module = left.pop()
        if remove_duplicate and id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        prefix = f"{path}." if path else ""
        below = [(f"{prefix}{name}", child) for name, child in own_modules(module).items() if child is not None]
        left += reversed(below)


def modules(model: nn.Module) -> Iterator[nn.Module]:
    """Yield each module once, the model itself first."""
    return (module for _, module in named_modules(model))


def named_parameters(model: nn.Module, *, remove_duplicate: bool = True) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield ``state_dict`` name and parameter; one of several names only once, unless told otherwise."""
    return _named(model, own_parameters, remove_duplicate)


def named_buffers(model: nn.Module, *, remove_duplicate: bool = True) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield name and buffer; one of several names only once, unless told otherwise."""
    return _named(model, own_buffers, remove_duplicate)


def _named(
    model: nn.Module, own: Callable[[nn.Module], Mapping[str, Held | None]], remove_duplicate: bool
) -> Iterator[tuple[str, Held]]:
    seen: set[int] = set()
    for path, module in named_modules(model, remove_duplicate=remove_duplicate):
        for name, held in own(module).items():
            if held is not None and not (remove_duplicate and id(held) in seen):
                seen.add(id(held))
                yield f"{path}.{name}" if path else name, held


def tensors(model: nn.Module) -> list[torch.Tensor]:
    """Return the parameters, then the buffers, each once."""
    return [*(tensor for _, tensor in named_parameters(model)), *(tensor for _, tensor in named_buffers(model))]


def to_evaluation(model: nn.Module) -> None:
    """Put every module into evaluation mode.

    ``train()`` of the user's classes is not called: some merge weights in it, and a model is left as it was found.
    """
    for module in modules(model):
        if getattr(module, "training", False):  # a frozen ScriptModule has no mode
            module.training = False


def unsliced(path: str, model: nn.Module | None) -> str | None:
    """Return the path of a module that torch reached through a slice of a list: ``layers.slice(None, 2, None).0``.

    It is None for the slice itself, which is no module of the *model*, and for any other path that is not known.
    """
    module, steps = model, []
    names: list[str] | None = None  # of the modules in a slice
    for step in path.split("."):
        if module is None:
            return None
        if (found := SLICE.fullmatch(step)) is not None:
            bounds = slice(*(None if bound == "None" else int(bound) for bound in found.groups()))
            names = (list(own_modules(module)) if names is None else names)[bounds]
            continue
        if names is not None and isinstance(module, nn.ModuleList):  # a slice of it has numbers of its own
            step = names[int(step)]
        names = None
        steps.append(step)
        module = own_modules(module).get(step)
    return ".".join(steps) if module is not None and names is None else None


def place(tensor: torch.Tensor) -> object:
    """Return where the numbers of a tensor are, or would be, which two tensors have in common if they are one."""
    if type(tensor) not in (torch.Tensor, nn.Parameter) or tensor.layout != torch.strided or not tensor.numel():
        return id(tensor)
    at = (memory_key(tensor), tensor.storage_offset()) if tensor.is_meta else tensor.data_ptr()
    return at, tensor.shape, tensor.stride(), tensor.dtype


__all__ = [
    "modules",
    "named_buffers",
    "named_children",
    "named_modules",
    "named_parameters",
    "place",
    "tensors",
    "to_evaluation",
    "unsliced",
]
