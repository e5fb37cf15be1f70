"""Dimensions that may vary: what torch.export is told of them, and its symbols by the names that the user gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from ptgraph.errors import TraceError, UsageError
from ptgraph.tracing.torch_internals import (
    FIXED_SIZE,
    INPUT_SIZE,
    SYMBOL,
    expression_of,
    input_spec,
    is_symbolic,
    pytree,
)
from ptgraph.tracing.tracers.forward_signature import arguments

Dynamic = Mapping[str, Mapping[int, str]]  # argument → number of the dimension → its name


def dynamic_shapes(given: dict[str, Any], dynamic: Dynamic) -> dict[str, Any] | None:
    """Return what torch.export wants to know of each argument: which of its dimensions may vary."""
    if not dynamic:
        return None
    for name, dims in dynamic.items():
        value = given.get(name)
        if not isinstance(value, torch.Tensor):
            tensors = ", ".join(n for n, v in given.items() if isinstance(v, torch.Tensor))
            raise UsageError(f"no tensor input {name!r} has dimensions to vary; the inputs are: {tensors}")
        for dimension in dims:
            if not -value.ndim <= dimension < value.ndim:
                raise UsageError(f"input {name!r} has {value.ndim} dimensions, so none with the number {dimension}")
            if value.shape[dimension] < 2:
                raise UsageError(
                    f"dimension {dims[dimension]!r} of input {name!r} has the size {value.shape[dimension]}; "
                    "one that may vary needs an example size of 2 or more"
                )
    return {
        name: {d % value.ndim: Dim.DYNAMIC for d in dynamic[name]}
        if name in dynamic
        else pytree.tree_map(lambda leaf: None, value)
        for name, value in given.items()
    }


def violated(message: str, dynamic: Dynamic) -> tuple[list[str], list[str]]:
    """Return the dimensions that *message* speaks of (as ``L['x'].size()[0]``), or else all, and the sizes it fixes."""
    names = {(argument, d): name for argument, dims in dynamic.items() for d, name in dims.items()}
    places = {(argument, int(dimension)) for argument, dimension in INPUT_SIZE.findall(message)}
    said = {name for (argument, d), name in names.items() if (argument, d) in places}
    return sorted(said or set(names.values())), sorted(set(FIXED_SIZE.findall(message)))


def symbol_names(
    model_name: str, model: nn.Module | None, dynamic: Dynamic, program: ExportedProgram
) -> dict[str, str]:
    """Map the symbols of torch (``s23``) to the names that the user gave the dimensions."""
    if not dynamic or model is None:
        return {}
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    inputs = [spec.arg.name for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"]
    args, kwargs = pytree.tree_unflatten(inputs, input_spec(program))
    placeholders = arguments(model, args, kwargs)
    names: dict[str, str] = {}
    for argument, dimensions in dynamic.items():
        for dimension, name in dimensions.items():
            size = values[placeholders[argument]].shape[dimension]
            if not isinstance(size, torch.SymInt) or expression_of(size).is_number:
                raise TraceError(f"a dynamic dimension ({name}) of {model_name} cannot vary: it is traced as {size}")
            names.setdefault(str(expression_of(size)), name)
    return names


def named_size(size: Any, names: Mapping[str, str]) -> int | str:
    """Return a size as a number or, where it may vary, as text with *names* in the place of the symbols."""
    if isinstance(size, int):
        return size
    text = str(expression_of(size)) if is_symbolic(size) else str(size)
    named = SYMBOL.sub(lambda m: names.get(m[0], m[0]), text)
    return int(named) if named.lstrip("-").isdigit() else named


__all__ = ["Dynamic", "dynamic_shapes", "named_size", "symbol_names", "violated"]
