"""Stand-ins: modules that are traced in the place of those that no tracer can follow, or that only wrap another.

A part that torch.compile wrapped is traced without its wrapper, so that its names are those that the user gave. A
ScriptModule is opened (`ptgraph.tracing.torchscript.opened`), and a dynamically quantised module is unpacked
(`ptgraph.tracing.quantized_modules`). The model is changed only for the time of tracing.
"""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import nn

from ptgraph.common.messages import listed
from ptgraph.errors import PtgraphWarning
from ptgraph.tracing.containers import put, swapped
from ptgraph.tracing.module_walk import named_modules
from ptgraph.tracing.quantized_modules import is_unpacked, unpacked
from ptgraph.tracing.source import Source
from ptgraph.tracing.state_guard import reached
from ptgraph.tracing.torch_internals import own_modules, script_class, uncompiled
from ptgraph.tracing.torchscript.opened import closed_parts, opened, script_signature


@contextlib.contextmanager
def stand_ins(source: Source) -> Iterator[Source]:
    """Give *source* with stand-ins in place, and put the modules back; a warning names those that are not exact."""
    model = source.model
    made = _made(model) if model is not None else {}
    if model is None or not made:
        yield source
        return
    held = [(value, items) for value, items in reached(model) if items is not None]
    try:
        for value, items in held:
            put(value, [swapped(item, made) for item in items])
        yield _told(replace(source, model=made.get(id(model), model)))
    finally:
        for value, items in held:
            put(value, items)


def _made(model: nn.Module) -> dict[int, nn.Module]:
    """Return the stand-ins by the ``id`` of the modules that they stand for."""
    made: dict[int, nn.Module] = {}
    wrapped: dict[int, nn.Module] = {}
    for _, module in named_modules(model):
        if isinstance(module, torch.jit.ScriptModule):
            opened(module, made)
        elif (inner := uncompiled(module)) is not None:
            wrapped[id(module)] = inner
        elif (plain := unpacked(module)) is not None:
            made[id(module)] = plain
    for key, inner in wrapped.items():
        while id(inner) in wrapped:
            inner = wrapped[id(inner)]
        made[key] = made.get(id(inner), inner)
    return made


def _told(source: Source) -> Source:
    """Return *source*, with warnings of what its stand-ins leave out."""
    assert source.model is not None
    for path, why in closed_parts(source.model):
        part = f"{source.name}.{path}" if path else source.name
        text = f"{part} is TorchScript that cannot be opened ({why}): it is one operation, without FLOPs and ONNX"
        warnings.warn(PtgraphWarning(text), stacklevel=2)
    packed = [path or source.name for path, module in named_modules(source.model) if is_unpacked(module)]
    if packed:
        text = f"{source.name}: activations of dynamically quantized modules are not quantized: {listed(packed)}"
        warnings.warn(PtgraphWarning(text), stacklevel=2)
    return source


def wrapped_by(model: nn.Module) -> nn.Module | None:
    """Return the one module that *model* wraps, by torch.compile or for several devices, or None."""
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return own_modules(model).get("module")
    return uncompiled(model)


def class_name(model: nn.Module) -> str:
    """Return the name of the class that the user wrote."""
    if isinstance(model, torch.jit.ScriptModule):
        return script_class(model).rpartition(".")[2]
    inner = uncompiled(model)
    return type(model).__name__ if inner is None else class_name(inner)


def forward_parameters(model: nn.Module) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of ``forward``, without the module itself."""
    inner = uncompiled(model)
    if inner is not None:
        return forward_parameters(inner)
    if isinstance(model, torch.jit.ScriptModule):
        return script_signature(model).parameters
    return inspect.signature(model.forward).parameters


__all__ = ["class_name", "forward_parameters", "stand_ins", "wrapped_by"]
