"""Source → Capture: a torch.fx graph of the model, by the first tracer that can follow it.

The ladder, from the most faithful way down: ``torch.export`` (non-strict), ``torch.export`` (strict),
``torch.export.draft_export``, ``torch.fx.symbolic_trace``, and a forward pass recorded as it runs.
The model is left as it was found, and its weights are neither needed nor copied, except that draft export and
recording run real numbers: a model without weights is given small random ones for them.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from .errors import TraceError, UsageError
from .quiet import quiet
from .record import output_names, record

Dynamic = Mapping[str, Mapping[int, str]]
MATERIALIZE_LIMIT = 4 * 2**30  # bytes of weights that the last rungs will make up on this machine


@dataclass(frozen=True)
class Source:
    """What is to be traced: a model with example inputs, or a program exported before."""

    name: str
    model: nn.Module | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    dynamic: Dynamic = field(default_factory=dict)
    program: ExportedProgram | None = None


@dataclass(frozen=True)
class Capture:
    """A traced model. ``states`` says of a node that reads model state which kind and name it is."""

    name: str
    graph: fx.Graph
    states: dict[str, tuple[str, str]]
    outputs: list[tuple[str, Any]]
    tracer: str
    attempts: tuple[tuple[str, str], ...] = ()
    model: nn.Module | None = None
    program: ExportedProgram | None = None
    dimensions: dict[str, str] = field(default_factory=dict)


def capture(source: Source) -> Capture:
    """Trace *source* by the first rung of the ladder that holds.

    Raises UsageError where the inputs do not match the signature of ``forward`` or a dynamic dimension does
    not exist; TraceError where the inputs fit no rung, with the reason of each.
    """
    if source.program is not None:
        return _from_program(source, source.program, "torch.export (loaded)", ())
    assert source.model is not None
    bound = _bind(source.model, source.args, source.kwargs)
    shapes = _dynamic_shapes(bound.arguments, source.dynamic)
    attempts: list[tuple[str, str]] = []
    with left_as_found(source.model), quiet(), torch.no_grad():
        source.model.eval()
        for tracer, rung in _LADDER.items():
            try:
                return rung(source, tracer, shapes, tuple(attempts))
            except TraceError:
                raise
            except Exception as error:  # whatever a rung raises, the next may hold
                attempts.append((tracer, _reason(error)))
                cause = error
    steps = "; ".join(f"{tracer}: {reason}" for tracer, reason in attempts)
    raise TraceError(f"cannot trace {source.name}{_misfit(bound)}: {steps}") from cause


def _export(source: Source, tracer: str, shapes: Any, attempts: Any, *, strict: bool = False) -> Capture:
    assert source.model is not None
    try:
        program = torch.export.export(
            source.model, source.args, source.kwargs, dynamic_shapes=shapes, strict=strict
        )
    except torch._dynamo.exc.UserError as error:
        if "Constraints violated" in str(error):
            fixed = next((line for line in str(error).splitlines() if "marked" in line), str(error))
            named = ", ".join(sorted({n for dims in source.dynamic.values() for n in dims.values()}))
            raise TraceError(
                f"a dynamic dimension ({named}) of {source.name} cannot vary: {fixed.strip(' -')}"
            ) from error
        raise
    return _from_program(source, program, tracer, attempts)


def _strict(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    return _export(source, tracer, shapes, attempts, strict=True)


def _draft(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    model, args, kwargs = _materialize(source)
    program = torch.export.draft_export(model, args, kwargs, dynamic_shapes=shapes)
    return _from_program(source, program, tracer, attempts)


def _symbolic(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    from torch.fx.passes.shape_prop import ShapeProp

    model, args, kwargs = _materialize(source)
    bound = _bind(model, args, kwargs)
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(model.forward).parameters.items()
        if name not in bound.arguments and parameter.default is not parameter.empty
    }
    module = fx.symbolic_trace(model, concrete_args=defaults)
    given = [bound.arguments[node.name] for node in module.graph.nodes if node.op == "placeholder"]
    ShapeProp(module).propagate(*given)
    for node in module.graph.nodes:
        node.meta["val"] = _as_tensors(node.meta.get("tensor_meta"))
    states = {
        node.name: ("parameter" if node.target in dict(model.named_parameters()) else "buffer", node.target)
        for node in module.graph.nodes
        if node.op == "get_attr"
    }
    (output,) = (node for node in module.graph.nodes if node.op == "output")
    return Capture(
        source.name, module.graph, states, output_names(output.args[0]), tracer, attempts, source.model
    )


def _recorded(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    model, args, kwargs = _materialize(source)
    graph, states, outputs = record(model, args, kwargs)
    return Capture(source.name, graph, states, outputs, tracer, attempts, source.model)


_LADDER: dict[str, Callable[..., Capture]] = {
    "torch.export": _export,
    "torch.export (strict)": _strict,
    "torch.export.draft_export": _draft,
    "torch.fx.symbolic_trace": _symbolic,
    "recorded forward pass": _recorded,
}


def _from_program(source: Source, program: ExportedProgram, tracer: str, attempts: Any) -> Capture:
    signature = program.graph_signature
    kinds = {"PARAMETER": "parameter", "BUFFER": "buffer", "CONSTANT_TENSOR": "constant"}
    states = {
        spec.arg.name: (kinds.get(spec.kind.name, "constant"), spec.target)
        for spec in signature.input_specs
        if spec.kind.name != "USER_INPUT" and spec.target is not None
    }
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    values = [
        value
        for value, spec in zip(output.args[0], signature.output_specs, strict=True)
        if spec.kind.name == "USER_OUTPUT"
    ]
    named = output_names(pytree.tree_unflatten(values, program.call_spec.out_spec))
    dimensions = _dimension_names(source, program)
    return Capture(
        source.name, program.graph, states, named, tracer, attempts, source.model, program, dimensions
    )


def _dimension_names(source: Source, program: ExportedProgram) -> dict[str, str]:
    """Map the symbols of torch (``s23``) to the names that the user gave the dimensions."""
    if not source.dynamic or source.model is None:
        return {}
    nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
    users = {spec.arg.name for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"}
    names = {}
    for node in nodes:
        value = node.meta.get("val")
        if node.name in users and isinstance(value, torch.Tensor):
            for dimension, name in source.dynamic.get(node.name, {}).items():
                size = value.shape[dimension]
                if isinstance(size, torch.SymInt):
                    names.setdefault(str(size.node.expr), name)
    return names


def _bind(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
    signature = inspect.signature(model.forward)
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        wanted = ", ".join(
            name + ("" if p.default is p.empty else " (optional)")
            for name, p in signature.parameters.items()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        )
        raise UsageError(
            f"the inputs do not fit {type(model).__name__}.forward: {error}; it takes: {wanted or 'nothing'}"
        ) from error


def _dynamic_shapes(arguments: dict[str, Any], dynamic: Dynamic) -> dict[str, Any] | None:
    """Return what torch.export wants to know of each argument: which of its dimensions may vary."""
    if not dynamic:
        return None
    for name, dims in dynamic.items():
        value = arguments.get(name)
        if not isinstance(value, torch.Tensor):
            tensors = ", ".join(n for n, v in arguments.items() if isinstance(v, torch.Tensor))
            raise UsageError(f"no tensor input {name!r} has dimensions to vary; the inputs are: {tensors}")
        for dimension in dims:
            if not -value.ndim <= dimension < value.ndim:
                raise UsageError(
                    f"input {name!r} has {value.ndim} dimensions, so none with the number {dimension}"
                )
    return {
        name: {d % value.ndim: Dim.DYNAMIC for d in dynamic[name]} if name in dynamic else None
        for name, value in arguments.items()
    }


@contextlib.contextmanager
def left_as_found(model: nn.Module) -> Iterator[None]:
    """Give every module of *model* its training mode back, and torch its random state, whatever happens."""
    modes = [(module, module.training) for module in model.modules()]
    state = torch.random.get_rng_state()
    try:
        yield
    finally:
        torch.random.set_rng_state(state)
        for module, mode in modes:
            module.training = mode


def _materialize(source: Source) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    """Return model and inputs with real numbers: as they are, or a copy with small random ones for meta."""
    model = source.model
    assert model is not None
    tensors = [*model.parameters(), *model.buffers()]
    if any(tensor.is_meta for tensor in tensors):
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        if size > MATERIALIZE_LIMIT:
            raise MemoryError(f"it needs real weights, and {size / 2**30:.1f} GiB of them are too many")
        model = copy.deepcopy(model).to_empty(device="cpu")
        for tensor in [*model.parameters(), *model.buffers()]:
            _fill(tensor)
    args, kwargs = pytree.tree_map_only(torch.Tensor, _real, (source.args, source.kwargs))
    return model, args, kwargs


def _real(tensor: torch.Tensor) -> torch.Tensor:
    return _fill(torch.empty_like(tensor, device="cpu")) if tensor.is_meta else tensor


def _fill(tensor: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        if tensor.dtype.is_floating_point:
            return tensor.normal_(0.0, 0.02, generator=torch.Generator().manual_seed(0))
        return tensor.fill_(True) if tensor.dtype == torch.bool else tensor.zero_()


def _as_tensors(meta: Any) -> Any:
    """Turn what ShapeProp noted (TensorMetadata) into meta tensors of the same shape and dtype."""
    if hasattr(meta, "shape") and hasattr(meta, "dtype"):
        return torch.empty(meta.shape, dtype=meta.dtype, device="meta")
    return type(meta)(map(_as_tensors, meta)) if isinstance(meta, list | tuple) else None


def _reason(error: BaseException) -> str:
    """Return the first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _misfit(bound: inspect.BoundArguments) -> str:
    shapes = [
        f"{name} {str(value.dtype).removeprefix('torch.')}[{'×'.join(map(str, value.shape))}]"
        for name, value in bound.arguments.items()
        if isinstance(value, torch.Tensor)
    ]
    return f" with {', '.join(shapes)}" if shapes else ""


__all__ = ["Capture", "Dynamic", "Source", "capture", "left_as_found"]
