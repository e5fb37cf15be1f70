"""A call of a model, bound once to the signature of its ``forward``: what each tracer is given."""

from __future__ import annotations

import contextlib
import functools
import inspect
import keyword
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from ptgraph.errors import TraceError, UsageError
from ptgraph.tracing.nested_values import described, map_tensors, opened
from ptgraph.tracing.source import Dynamic, Source
from ptgraph.tracing.stand_ins import forward_parameters
from ptgraph.tracing.torch_internals import expression_of, input_spec, pytree
from ptgraph.tracing.tracers.dynamic_dims import dynamic_shapes

Rebuild = Callable[[Mapping[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]
_BASIC = (int, float, bool, str, type(None))  # what torch.export takes beside tensors


@dataclass(frozen=True)
class BoundCall:
    """A model with the example inputs of one call.

    ``arguments`` are these inputs by their names; those that ``**kwargs`` takes stand by their own.
    ``dynamic`` names the dimensions that may vary, and ``shapes`` is what torch.export is told of them.
    ``given`` are the (args, kwargs) of the user. ``others`` are those that are no tensors, as `described` says them.
    Where ``given`` holds what torch.export does not take, the arguments of the call are the tensors in it, by name, and
    ``rebuild`` makes the (args, kwargs) of the model of them; then the model takes them only within `taking_tensors`.
    """

    name: str
    model: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    arguments: Mapping[str, Any]
    signature: inspect.Signature
    dynamic: Dynamic
    shapes: dict[str, Any] | None
    given: Any = None
    others: list[dict[str, Any]] = field(default_factory=list)
    rebuild: Rebuild | None = None

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
    signature = inspect.Signature(list(forward_parameters(model).values()))
    given_args, given_kwargs = _apart((source.args, source.kwargs))
    try:
        arguments = _by_name(signature, given_args, given_kwargs)
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
    call = BoundCall(source.name, model, given_args, given_kwargs, arguments, signature, source.dynamic, shapes)
    found = opened(arguments, step="_", spell=_identifier)
    call = replace(call, given=(source.args, source.kwargs), others=described(found.rest) if arguments else [])
    if _is_known((given_args, given_kwargs)):
        return call
    tensors = found.tensors
    named = inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in tensors])

    def rebuild(given: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return _placed(signature, found.rebuild(given))

    shapes = dynamic_shapes(tensors, source.dynamic)
    return replace(call, args=(), kwargs=tensors, arguments=tensors, signature=named, shapes=shapes, rebuild=rebuild)


@contextlib.contextmanager
def taking_tensors(call: BoundCall) -> Iterator[None]:
    """Let the model take the arguments of *call*, where they are not its own."""
    rebuild, forward = call.rebuild, call.model.forward
    if rebuild is None:
        yield
        return

    def adapted(**tensors: Any) -> Any:
        args, kwargs = rebuild(tensors)
        return forward(*args, **kwargs)

    with forward_replaced(call.model, adapted, call.signature):
        yield


@contextlib.contextmanager
def forward_replaced(model: nn.Module, forward: Callable[..., Any], signature: inspect.Signature) -> Iterator[None]:
    """Let *model* have another forward for the time, which is like its own but for the *signature*."""
    functools.update_wrapper(forward, model.forward)
    vars(forward)["__signature__"] = signature
    before = vars(model).get("forward")
    vars(model)["forward"] = forward
    try:
        yield
    finally:
        if before is None:
            del vars(model)["forward"]
        else:
            vars(model)["forward"] = before


def _apart(inputs: Any) -> Any:
    """Return *inputs* with a view of each tensor that comes again: torch.export takes such a one for a single input."""
    tensors = list(opened(inputs).tensors.values())
    if len(set(map(id, tensors))) == len(tensors):
        return inputs
    seen: set[int] = set()

    def apart(tensor: torch.Tensor) -> torch.Tensor:
        again = id(tensor) in seen
        seen.add(id(tensor))
        return tensor.detach().requires_grad_(tensor.requires_grad) if again else tensor

    return map_tensors(apart, inputs)


def _is_known(inputs: Any) -> bool:
    """Return whether torch.export takes *inputs*: tensors and plain values, in containers whose parts have names."""
    try:
        leaves = [leaf for _, leaf in pytree.tree_flatten_with_path(inputs)[0]]
    except ValueError:  # a class was made known to torch without names
        return False
    return all(isinstance(leaf, torch.Tensor) or type(leaf) in _BASIC for leaf in leaves)


def _identifier(name: str) -> str:
    """Return *name* as one of Python's names."""
    word = re.sub(r"\W", "_", name)
    return f"_{word}" if not word or word[0].isdigit() else f"{word}_" if keyword.iskeyword(word) else word


def _placed(signature: inspect.Signature, arguments: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return (args, kwargs) of what `_by_name` returned."""
    args: list[Any] = []
    kwargs = dict(arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            args += kwargs.pop(name, ())
        elif parameter.kind is parameter.POSITIONAL_ONLY and name in kwargs:
            args.append(kwargs.pop(name))
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD and name in kwargs and _takes_more(signature):
            args.append(kwargs.pop(name))  # what ``*args`` takes comes after it
    return tuple(args), kwargs


def _takes_more(signature: inspect.Signature) -> bool:
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in signature.parameters.values())


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


__all__ = ["BoundCall", "bind", "forward_replaced", "symbol_names", "taking_tensors"]
