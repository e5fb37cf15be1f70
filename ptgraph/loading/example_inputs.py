"""Example inputs of a model: its own, and those that the user gave in place of them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ptgraph.common.messages import shortened
from ptgraph.errors import LoadError, UsageError
from ptgraph.loading.checkpoint import fill
from ptgraph.loading.input_spec import FORM
from ptgraph.loading.request import Request
from ptgraph.loading.user_code import run_user_code
from ptgraph.tracing.lazy_modules import initialized, uninitialized
from ptgraph.tracing.module_walk import tensors
from ptgraph.tracing.nested_values import map_tensors
from ptgraph.tracing.source import Source
from ptgraph.tracing.stand_ins import forward_parameters, wrapped_by


def with_inputs(name: str, model: nn.Module, wanted: Request, says: Sequence[Any] = ()) -> Source:
    """Return *model* as a source, with the weights and the inputs that are wanted.

    Other inputs are those of ``example_inputs()`` of the model, or of the first in *says* that has this method.
    Raises UsageError if inputs are missing, or do not fit ``forward``; LoadError if the checkpoint does not fit.
    """
    given = wanted.inputs
    lazy = uninitialized(model) is not None
    if wanted.checkpoint is not None and not lazy:
        fill(model, wanted.checkpoint, name)
    args, kwargs = example_inputs(model, says) or ((), {})
    if not given and not args and not kwargs and _wanted(model):
        raise UsageError(
            f"{name} gives no example inputs; its forward takes {', '.join(_wanted(model))}: "
            f"give each as --input {FORM}, or write a method example_inputs()"
        )
    parameters = forward_parameters(model)
    names = [n for n, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    in_order = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    by_any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for item in given:
        if item.name not in names and (item.dynamic if in_order else not by_any_name):
            why = ", which a dimension that varies needs" if item.dynamic else ""
            takes = ", ".join(str(p).partition(":")[0].partition("=")[0] for p in parameters.values())
            unknown = shortened(item.name, 200)
            raise UsageError(f"--input {unknown}: forward has no argument of that name{why}; it takes {takes}")
    if given and in_order:
        args, kwargs = tuple(item.tensor() for item in given), {}
    elif given:
        kwargs = {**dict(zip(names, args, strict=False)), **kwargs, **{i.name: i.tensor() for i in given}}
        args = tuple(kwargs.pop(n) for n, p in parameters.items() if p.kind is p.POSITIONAL_ONLY and n in kwargs)
    if lazy:
        model = initialized(model, *on_device_of(model, (args, kwargs)), name=name)
        if wanted.checkpoint is not None:
            fill(model, wanted.checkpoint, name)
    args, kwargs = separate(on_device_of(model, (args, kwargs)))
    return Source(name, model, args, kwargs, {item.name: item.dynamic for item in given if item.dynamic})


def example_inputs(model: nn.Module, says: Sequence[Any] = ()) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Return the (args, kwargs) that ``example_inputs()`` of the model, or of one of *says*, gives, or None.

    That method may return a dict by argument name, a tuple or list in order, or one tensor.
    Raises LoadError if it raises an error, or returns something else.
    """
    for owner in (model, wrapped_by(model), *says):
        method = getattr(owner, "example_inputs", None)
        if not callable(method) or inspect.isclass(owner):
            continue
        with torch.random.fork_rng(devices=[]):
            found = run_user_code(method, "example_inputs()")
        if isinstance(found, Mapping) and all(isinstance(key, str) for key in found):
            return (), dict(found)
        if isinstance(found, tuple | list | torch.Tensor):
            return (tuple(found) if isinstance(found, tuple | list) else (found,)), {}
        kind = "a dict with keys that are no names" if isinstance(found, Mapping) else f"type {type(found).__name__}"
        raise LoadError(
            f"example_inputs() returned {kind}; it may return a dict by argument name, "
            "a tuple or list in order, or one tensor"
        )
    return None


def on_device_of(model: nn.Module, inputs: Any) -> Any:
    """Return *inputs* on ``meta`` if a weight of the model is; else with zeros in place of tensors on ``meta``.

    Raises UsageError if such a tensor does not fit into memory.
    """
    state = tensors(model)
    meta = any(tensor.is_meta for tensor in state)

    def move(tensor: torch.Tensor) -> torch.Tensor:
        if meta:
            return tensor.to("meta")
        if not tensor.is_meta:
            return tensor
        try:
            return torch.zeros_like(tensor, device=state[0].device if state else "cpu")
        except RuntimeError as error:  # the model has real weights, so its inputs need real memory
            raise UsageError(f"an input of the shape {tuple(tensor.shape)} does not fit into memory") from error

    return map_tensors(move, inputs)


def separate(inputs: Any) -> Any:
    """Return *inputs* with a new tensor object, on the same memory, in place of each tensor.

    torch.export leaves attributes on the tensors that it is given, and takes one that comes twice for a single input.
    """
    return map_tensors(lambda t: t.detach().requires_grad_(t.requires_grad), inputs)


def _wanted(model: nn.Module) -> list[str]:
    parameters = forward_parameters(model).values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]


__all__ = ["example_inputs", "on_device_of", "separate", "with_inputs"]
