"""A call of a model, bound once to the signature of its ``forward``: what each tracer is given."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from ptgraph.errors import TraceError, UsageError
from ptgraph.tracing.source import Dynamic, Source
from ptgraph.tracing.torch_internals import expression_of, input_spec, pytree
from ptgraph.tracing.tracers.dynamic_dims import dynamic_shapes


@dataclass(frozen=True)
class BoundCall:
    """A model with the example inputs of one call.

    ``arguments`` are these inputs by their names; those that ``**kwargs`` takes stand by their own.
    ``dynamic`` names the dimensions that may vary, and ``shapes`` is what torch.export is told of them.
    """

    name: str
    model: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    arguments: Mapping[str, Any]
    signature: inspect.Signature
    dynamic: Dynamic
    shapes: dict[str, Any] | None

    def by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return by name other things that stand where the arguments do; raises TypeError if they do not fit."""
        return _by_name(self.signature, args, kwargs)

    def with_tensors(self, other: Mapping[int, torch.Tensor]) -> BoundCall:
        """Return the call with other tensors in the place of its own, by ``id``."""
        given = self.args, self.kwargs, dict(self.arguments)
        args, kwargs, arguments = pytree.tree_map_only(torch.Tensor, lambda tensor: other[id(tensor)], given)
        return replace(self, args=args, kwargs=kwargs, arguments=arguments)

    def inputs_text(self) -> str:
        """Return the tensors among the arguments as a message says them: `` with ids int64[2×16]``."""
        shapes = [
            f"{name} {str(value.dtype).removeprefix('torch.')}"
            f"[{'nested' if value.is_nested else '×'.join(map(str, value.shape))}]"
            for name, value in self.arguments.items()
            if isinstance(value, torch.Tensor)
        ]
        return f" with {', '.join(shapes)}" if shapes else ""


def bind(source: Source) -> BoundCall:
    """Return the call of a source that has a model.

    Raises UsageError if the inputs do not fit ``forward``, or a dimension that is to vary does not exist.
    """
    model = source.model
    assert model is not None
    signature = inspect.signature(model.forward)
    try:
        arguments = _by_name(signature, source.args, source.kwargs)
    except TypeError as error:
        wanted = ", ".join(
            name + ("" if p.default is p.empty else " (optional)")
            for name, p in signature.parameters.items()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        )
        raise UsageError(
            f"the inputs do not fit {type(model).__name__}.forward: {error}; it takes: {wanted or 'nothing'}"
        ) from error
    shapes = dynamic_shapes(arguments, source.dynamic)
    return BoundCall(source.name, model, source.args, source.kwargs, arguments, signature, source.dynamic, shapes)


def symbol_names(call: BoundCall, program: ExportedProgram) -> dict[str, str]:
    """Return the symbols of *program* (``s23``) with the names that the user gave the dimensions.

    Raises TraceError if one of them has become a fixed size.
    """
    if not call.dynamic:
        return {}
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    inputs = [spec.arg.name for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"]
    placeholders = call.by_name(*pytree.tree_unflatten(inputs, input_spec(program)))
    names: dict[str, str] = {}
    for argument, dimensions in call.dynamic.items():
        for dimension, name in dimensions.items():
            size = values[placeholders[argument]].shape[dimension]
            if not isinstance(size, torch.SymInt) or expression_of(size).is_number:
                raise TraceError(f"a dynamic dimension ({name}) of {call.name} cannot vary: it is traced as {size}")
            names.setdefault(str(expression_of(size)), name)
    return names


def _by_name(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in signature.bind(*args, **kwargs).arguments.items():
        found |= value if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    return found


__all__ = ["BoundCall", "bind", "symbol_names"]
