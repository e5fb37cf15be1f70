"""Source → Capture: a torch.fx graph of the model, by the first tracer that can follow it.

The ladder, from the most faithful way down: ``torch.export`` (non-strict), ``torch.export`` (strict),
``torch.export.draft_export``, ``torch.fx.symbolic_trace``, and a forward pass recorded as it runs.
The model is left as it was found, and its weights are neither needed nor copied, except that draft export and
recording run real numbers: a model without weights is given small random ones for them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.export import ExportedProgram
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils import _pytree as pytree

from .dimensions import Dynamic, dynamic_shapes, symbol_names, violated
from .errors import TraceError, UsageError, first_line
from .graph import ModelGraph
from .interrupts import check
from .materialize import materialized
from .quiet import quiet
from .record import ForwardError, arguments, output_names, plain_containers, record
from .repeats import watched
from .restore import left_as_found
from .sources import public

DRAFTS = 3  # the branches that draft export takes are not always those of the model: it is checked


@dataclass(frozen=True)
class Source:
    """What is to be traced: a model with example inputs, or a program exported before; or a graph that was read."""

    name: str
    model: nn.Module | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    dynamic: Dynamic = field(default_factory=dict)
    program: ExportedProgram | None = None
    graph: ModelGraph | None = None


@dataclass(frozen=True)
class Capture:
    """A traced model. ``states`` says of a node that reads model state which kind and name it is.

    ``constants`` holds the tensors that are neither parameter nor buffer, by name, and ``notes`` what was done
    about blocks that look alike.
    """

    name: str
    graph: fx.Graph
    states: dict[str, tuple[str, str]]
    outputs: list[tuple[str, fx.Node]]
    tracer: str
    attempts: tuple[tuple[str, str], ...] = ()
    model: nn.Module | None = None
    program: ExportedProgram | None = None
    dimensions: dict[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def capture(source: Source, *, rungs: int | None = None, once: bool = True) -> Capture:
    """Trace *source* by the first rung of the ladder that holds, of all or of the first *rungs*.

    With *once*, the first rung does not trace blocks again that must do what two of them did.

    An interrupt is no failure of a rung, even if torch makes an error of it.
    Raises UsageError where the inputs do not match the signature of ``forward`` or a dynamic dimension does
    not exist; TraceError where the inputs fit no rung, with the reason of each.
    """
    if source.program is not None:
        return _from_program(source, source.program, "torch.export (loaded)", ())
    assert source.model is not None
    _check(source.model, source.name)
    given = _bind(source.model, source.args, source.kwargs)
    shapes = dynamic_shapes(given, source.dynamic)
    attempts: list[tuple[str, str]] = []
    with quiet():
        import torch._dynamo.exc  # what a rung may raise is known before one runs
    for tracer, rung in list(_LADDER.items())[:rungs]:
        with left_as_found(source.model), quiet(), torch.no_grad(), _fast_paths_off():
            with contextlib.suppress(NotImplementedError):  # what torch.export made has one mode
                source.model.eval()
            try:
                if once and rung is _export:
                    return _export_once(source, tracer, shapes, tuple(attempts))
                return rung(source, tracer, shapes, tuple(attempts))
            except Exception as error:  # whatever a rung raises, the next may hold
                check(error)
                if isinstance(error, TraceError):
                    raise
                attempts.append((tracer, _reason(error)))
                cause = error
    if isinstance(cause, ForwardError):  # then all that the rungs above it said comes of this
        raise TraceError(f"cannot run {source.name}{_misfit(given)}: {_reason(cause)}") from cause
    steps = "; ".join(f"{tracer}: {reason}" for tracer, reason in attempts)
    raise TraceError(f"cannot trace {source.name}{_misfit(given)}: {steps}") from cause


def _check(model: nn.Module, name: str) -> None:
    """Raise UsageError for a model that is none yet, or none any more."""
    if isinstance(model, torch.jit.ScriptModule):
        raise UsageError(f"{name} is compiled by TorchScript; trace the module that it was made from")
    for key, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
            raise UsageError(f"{name} does not know the shape of {key} yet; run it once, then trace it")


def _export(source: Source, tracer: str, shapes: Any, attempts: Any, *, strict: bool = False) -> Capture:
    model, args, kwargs = source.model, source.args, source.kwargs
    assert model is not None
    try:
        if strict:  # it sees into the adapted forward, and names modules by the way through it
            program = torch.export.export(model, args, kwargs, dynamic_shapes=shapes, strict=True)
        else:
            program = _adapting(torch.export.export, model, args, kwargs, shapes)
    except torch._dynamo.exc.UserError as error:
        if "Constraints violated" in str(error):
            named, sizes = violated(str(error), source.dynamic)
            raise TraceError(
                f"a dynamic dimension ({', '.join(named)}) of {source.name} cannot vary: "
                + (f"the model fixes it to {', '.join(sizes)}" if sizes else _reason(error))
            ) from error
        raise
    return _from_program(source, program, tracer, attempts)


def _export_once(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    """Export with repeated blocks traced once, or in full where that does not work."""
    assert source.model is not None
    try:
        traced, repeats = watched(source.model, lambda: _export(source, tracer, shapes, attempts))
        return dataclasses.replace(traced, notes=(*repeats.notes, f"{repeats.count} runs of blocks repeat others"))
    except Exception as error:  # as a rule it has nothing to do with the blocks, and comes again
        check(error)
        traced = _export(source, tracer, shapes, attempts)
        return dataclasses.replace(traced, notes=(f"all blocks are traced: {_reason(error)}",))


def _strict(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    return _export(source, tracer, shapes, attempts, strict=True)


def _draft(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    with _with_numbers(source) as (model, args, kwargs):
        for _ in range(DRAFTS):
            program = _adapting(torch.export.draft_export, model, args, kwargs, shapes)
            if _agree(program.module(), model, args, kwargs):
                return _from_program(source, program, tracer, attempts)
    raise ValueError("it takes another branch than the model does on these inputs")


def _agree(one: nn.Module, other: nn.Module, args: Any, kwargs: Any) -> bool:
    """Return whether two modules give the same on these inputs, the random state being the same."""

    def run(module: nn.Module) -> list[torch.Tensor]:
        torch.manual_seed(0)
        copies = pytree.tree_map_only(torch.Tensor, lambda t: t.clone(), (args, kwargs))
        leaves = pytree.tree_leaves(plain_containers(module(*copies[0], **copies[1])))
        return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]

    expected = run(other)
    try:
        got = run(one)
    except Exception as error:  # a draft program checks what it took for granted
        check(error)
        return False
    return len(got) == len(expected) and all(
        a.shape == b.shape and (a.is_meta or b.is_meta or torch.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True))
        for a, b in zip(got, expected, strict=True)
    )


def _with_numbers(source: Source) -> AbstractContextManager[tuple[nn.Module, tuple[Any, ...], dict[str, Any]]]:
    assert source.model is not None
    return materialized(source.model, source.args, source.kwargs)


def _symbolic(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    from torch.fx.passes.shape_prop import ShapeProp

    with _with_numbers(source) as (model, args, kwargs):
        values, fixed = _placeholder_values(model, args, kwargs)
        graph = _Symbolic().trace(model, fixed)
        module = fx.GraphModule(model, graph)
        ShapeProp(module).propagate(*values)
    for node in graph.nodes:
        node.meta["val"] = _as_tensors(node.meta.get("tensor_meta"))
    reads = {node.name: str(node.target) for node in graph.nodes if node.op == "get_attr"}
    kinds = {name: "parameter" for name, _ in model.named_parameters(remove_duplicate=False)}
    kinds |= {name: "buffer" for name, _ in model.named_buffers(remove_duplicate=False)}
    (output,) = (node for node in graph.nodes if node.op == "output")
    return Capture(
        source.name,
        graph,
        {node: (kinds.get(name, "constant"), name) for node, name in reads.items()},
        output_names(pytree.tree_map(_fields, output.args[0])),
        tracer,
        attempts,
        source.model,
        constants={name: operator.attrgetter(name)(module) for name in reads.values() if name not in kinds},
    )


class _Symbolic(fx.Tracer):
    record_stack_traces = True


def _placeholder_values(model: nn.Module, args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return what the placeholders of fx take, in their order, and the arguments that are no tensors, by name."""
    bound = inspect.signature(model.forward).bind(*args, **kwargs)
    bound.apply_defaults()
    parameters = inspect.signature(model.forward).parameters
    several = [name for name, p in parameters.items() if p.kind is p.VAR_POSITIONAL]
    single = [name for name, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    values = [bound.arguments[name] for name in single]
    for name in several:
        values += bound.arguments[name]
    fixed = {
        name: bound.arguments[name]
        for name in single
        if not any(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves(bound.arguments[name]))
    }
    return values, fixed


def _fields(value: Any) -> Any:
    """Return the fields of a dataclass that the graph makes, by name; anything else as it is."""
    made = getattr(value, "target", None)
    if not isinstance(value, fx.Node) or not isinstance(made, type) or not dataclasses.is_dataclass(made):
        return value
    names = [f.name for f in dataclasses.fields(made)]
    return {**dict(zip(names, value.args, strict=False)), **value.kwargs}


def _recorded(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    with _with_numbers(source) as (model, args, kwargs):
        graph, states, outputs = record(model, args, kwargs)
    constants = {states[n.name][1]: n.meta["constant"] for n in graph.nodes if "constant" in n.meta}
    return Capture(source.name, graph, states, outputs, tracer, attempts, source.model, constants=constants)


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
    return Capture(
        source.name,
        program.graph,
        states,
        named,
        tracer,
        attempts,
        source.model,
        program,
        symbol_names(source.name, source.model, source.dynamic, program),
        program.constants,
    )


@contextlib.contextmanager
def _fast_paths_off() -> Iterator[None]:
    """Let ``nn.TransformerEncoderLayer`` and its like run what they are made of, not one fused operator."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _bind(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return arguments(model, args, kwargs)
    except TypeError as error:
        wanted = ", ".join(
            name + ("" if p.default is p.empty else " (optional)")
            for name, p in inspect.signature(model.forward).parameters.items()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        )
        raise UsageError(
            f"the inputs do not fit {type(model).__name__}.forward: {error}; it takes: {wanted or 'nothing'}"
        ) from error


# What torch.export says of outputs of a class that it does not know, and of what **kwargs takes by its own names.
_ADAPTABLE = ("which is not a known type", "top-level keys must be the arg names")


def _adapting(export: Callable[..., ExportedProgram], model: nn.Module, args: Any, kwargs: Any, shapes: Any) -> Any:
    """Export *model*: as it is, or with a forward that gives and takes what torch.export knows."""
    try:
        with left_as_found(model):
            return export(model, args, kwargs, dynamic_shapes=shapes)
    except Exception as error:
        if not any(words in str(error) for words in _ADAPTABLE):
            raise
    with _adapted(model, kwargs):
        return export(model, args, kwargs, dynamic_shapes=shapes)


@contextlib.contextmanager
def _adapted(model: nn.Module, given: dict[str, Any]) -> Iterator[None]:
    """Let ``forward`` give plain containers, and name the arguments *given* by their own names."""
    forward = model.forward
    parameters = [p for p in inspect.signature(forward).parameters.values() if p.kind is not p.VAR_KEYWORD]
    named = {parameter.name for parameter in parameters}
    parameters += [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in given if name not in named]

    @functools.wraps(forward)
    def adapted(*args: Any, **kwargs: Any) -> Any:
        return plain_containers(forward(*args, **kwargs))

    vars(adapted)["__signature__"] = inspect.Signature(parameters)
    before = vars(model).get("forward")
    vars(model)["forward"] = adapted
    try:
        yield
    finally:
        if before is None:
            del vars(model)["forward"]
        else:
            vars(model)["forward"] = before


def _as_tensors(meta: Any) -> Any:
    """Turn what ShapeProp noted (TensorMetadata) into meta tensors of the same shape, strides and dtype."""
    if hasattr(meta, "shape") and hasattr(meta, "dtype"):
        if len(meta.stride) != len(meta.shape):  # it is sparse
            return torch.empty(meta.shape, dtype=meta.dtype, device="meta")
        return torch.empty_strided(meta.shape, meta.stride, dtype=meta.dtype, device="meta")
    if isinstance(meta, dict):
        return {key: _as_tensors(value) for key, value in meta.items()}
    return [_as_tensors(item) for item in meta] if isinstance(meta, list | tuple) else None


def _reason(error: BaseException) -> str:
    return public(first_line(error))


def _misfit(given: dict[str, Any]) -> str:
    shapes = [
        f"{name} {str(value.dtype).removeprefix('torch.')}"
        f"[{'nested' if value.is_nested else '×'.join(map(str, value.shape))}]"
        for name, value in given.items()
        if isinstance(value, torch.Tensor)
    ]
    return f" with {', '.join(shapes)}" if shapes else ""


__all__ = ["Capture", "Source", "capture"]
