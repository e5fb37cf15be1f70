"""torch.export as a tracer: non-strict, strict and draft; ExportedProgram → Capture."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from ptgraph.common.interrupts import check
from ptgraph.errors import TraceError
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.plain_values import reason
from ptgraph.tracing.repeated_blocks.interceptor import watched
from ptgraph.tracing.source import Source
from ptgraph.tracing.state_guard import left_as_found
from ptgraph.tracing.torch_internals import ADAPTABLE, CONSTRAINTS_VIOLATED, export_errors, output_spec, pytree
from ptgraph.tracing.tracers.dynamic_dims import symbol_names, violated
from ptgraph.tracing.tracers.forward_signature import output_names, plain_containers
from ptgraph.tracing.tracers.materialize import with_numbers

DRAFTS = 3  # the branches that draft export takes are not always those of the model: it is checked


def export(source: Source, tracer: str, shapes: Any, attempts: Any, *, strict: bool = False) -> Capture:
    model, args, kwargs = source.model, source.args, source.kwargs
    assert model is not None
    try:
        if strict:  # it sees into the adapted forward, and names modules by the way through it
            program = torch.export.export(model, args, kwargs, dynamic_shapes=shapes, strict=True)
        else:
            program = _adapting(torch.export.export, model, args, kwargs, shapes)
    except export_errors() as error:
        if CONSTRAINTS_VIOLATED in str(error):
            named, sizes = violated(str(error), source.dynamic)
            raise TraceError(
                f"a dynamic dimension ({', '.join(named)}) of {source.name} cannot vary: "
                + (f"the model fixes it to {', '.join(sizes)}" if sizes else reason(error))
            ) from error
        raise
    return capture_of_program(source, program, tracer, attempts)


def export_once(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    """Export with repeated blocks traced once, or in full where that does not work."""
    assert source.model is not None
    try:
        traced, repeats = watched(source.model, lambda: export(source, tracer, shapes, attempts))
        return dataclasses.replace(traced, notes=(*repeats.notes, f"{repeats.count} runs of blocks repeat others"))
    except Exception as error:  # as a rule it has nothing to do with the blocks, and comes again
        check(error)
        traced = export(source, tracer, shapes, attempts)
        return dataclasses.replace(traced, notes=(f"all blocks are traced: {reason(error)}",))


def export_strictly(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    return export(source, tracer, shapes, attempts, strict=True)


def export_draft(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    with with_numbers(source) as (model, args, kwargs):
        for _ in range(DRAFTS):
            program = _adapting(torch.export.draft_export, model, args, kwargs, shapes)
            if _agree(program.module(), model, args, kwargs):
                return capture_of_program(source, program, tracer, attempts)
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


def capture_of_program(source: Source, program: ExportedProgram, tracer: str, attempts: Any) -> Capture:
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
    named = output_names(pytree.tree_unflatten(values, output_spec(program)))
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


def _adapting(export: Callable[..., ExportedProgram], model: nn.Module, args: Any, kwargs: Any, shapes: Any) -> Any:
    """Export *model*: as it is, or with a forward that gives and takes what torch.export knows."""
    try:
        with left_as_found(model):
            return export(model, args, kwargs, dynamic_shapes=shapes)
    except Exception as error:
        if not any(words in str(error) for words in ADAPTABLE):
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


__all__ = ["capture_of_program", "export", "export_draft", "export_once", "export_strictly"]
