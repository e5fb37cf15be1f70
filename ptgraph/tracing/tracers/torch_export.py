"""torch.export as a tracer: non-strict, strict and draft; ExportedProgram → Capture."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from ptgraph.common.interrupts import check
from ptgraph.errors import TraceError
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.module_walk import named_buffers, named_modules, named_parameters, place, tensors
from ptgraph.tracing.nested_values import described, opened
from ptgraph.tracing.plain_values import reason
from ptgraph.tracing.repeated_blocks.interceptor import watched
from ptgraph.tracing.state_guard import left_as_found
from ptgraph.tracing.torch_internals import (
    ADAPTABLE,
    CONSTRAINTS_VIOLATED,
    data_followed,
    equality_followed,
    export_errors,
    graph_modules_followed,
    is_empty,
    output_spec,
    parameters_copied,
    pytree,
)
from ptgraph.tracing.tracers.bound_call import BoundCall, forward_replaced, symbol_names
from ptgraph.tracing.tracers.dynamic_dims import violated
from ptgraph.tracing.tracers.materialize import materialized
from ptgraph.tracing.tracers.pending_sizes import pending_sizes_dropped

log = logging.getLogger(__name__)
Rest = list[dict[str, Any]]  # values that are no tensors, as `described` says them


class LostNumbersError(Exception):
    """A tensor that ``forward`` makes has lost its numbers in the program; all else of *traced* is right."""

    def __init__(self, traced: Capture) -> None:
        super().__init__("a tensor that forward makes has lost its numbers")
        self.traced = traced


def export(call: BoundCall, *, strict: bool = False) -> Capture:
    """Trace by ``torch.export.export``.

    Raises TraceError if the model fixes a dimension that is to vary, LostNumbersError if a constant of a model with
    numbers has none, and what torch.export raises.
    """
    try:
        if strict:  # it sees into the adapted forward, and names modules by the way through it
            program = torch.export.export(call.model, call.args, call.kwargs, dynamic_shapes=call.shapes, strict=True)
            rest: Rest | None = None
        else:
            program, rest = _adapting(torch.export.export, call)
    except export_errors() as error:
        if CONSTRAINTS_VIOLATED in str(error):
            named, sizes = violated(str(error), call.dynamic)
            raise TraceError(
                f"a dynamic dimension ({', '.join(named)}) of {call.name} cannot vary: "
                + (f"the model fixes it to {', '.join(sizes)}" if sizes else reason(error))
            ) from error
        raise
    traced = capture_of_program(call.name, program, call, rest)
    if any(map(is_empty, program.constants.values())) and not _is_on_meta(call):
        raise LostNumbersError(traced)
    return traced


def export_once(call: BoundCall) -> Capture:
    """Export with repeated blocks traced once, or in full where that does not work."""
    try:
        traced, repeats = watched(call.model, lambda: export(call))
        notes = (*repeats.notes, f"{repeats.count} runs of blocks repeat others")
        folded = frozenset(path for path, module in named_modules(call.model) if id(vars(module)) in repeats.untraced)
        return dataclasses.replace(traced, notes=notes, folded=folded)
    except Exception as error:  # as a rule it has nothing to do with the blocks, and comes again
        check(error)
        log.debug("blocks are not traced once", exc_info=True)
        traced = export(call)
        return dataclasses.replace(traced, notes=(f"all blocks are traced: {reason(error)}",))


def export_strictly(call: BoundCall) -> Capture:
    """Trace by ``torch.export.export(strict=True)``."""
    return export(call, strict=True)


def export_draft(call: BoundCall) -> Capture:
    """Trace by ``torch.export.draft_export``; raises ValueError if the program does not give what the model gives."""
    with materialized(call) as real, pending_sizes_dropped():
        program, rest = _adapting(torch.export.draft_export, real)
        wrong = _difference(program.module(), real)
        if wrong:
            raise ValueError(wrong)
        return capture_of_program(call.name, program, call, rest)


def _difference(program: nn.Module, call: BoundCall) -> str:
    """Return how *program* differs from the model in this call, the random state being the same: "" if it does not."""

    def run(module: nn.Module) -> list[torch.Tensor]:
        torch.manual_seed(0)
        copies = pytree.tree_map_only(torch.Tensor, lambda t: t.clone(), (call.args, call.kwargs))
        leaves = opened(module(*copies[0], **copies[1])).tensors.values()
        return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]

    expected = run(call.model)
    try:
        got = run(program)
    except Exception as error:  # a draft program checks what it took for granted
        check(error)
        log.debug("the draft program does not run", exc_info=True)
        return f"its program does not run on these inputs: {reason(error)}"
    agree = len(got) == len(expected) and all(
        a.shape == b.shape and (a.is_meta or b.is_meta or torch.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True))
        for a, b in zip(got, expected, strict=True)
    )
    return "" if agree else "it takes another branch than the model does on these inputs"


def capture_of_program(
    name: str, program: ExportedProgram, call: BoundCall | None = None, rest: Rest | None = None
) -> Capture:
    """Return an exported program as the traced form of the model called *name*; of *call*, if it is of one.

    *rest* is what the model gives beside tensors, if that is known from elsewhere than the program.
    """
    signature = program.graph_signature
    kinds = {"PARAMETER": "parameter", "BUFFER": "buffer", "CONSTANT_TENSOR": "constant"}
    states = {
        spec.arg.name: (kinds.get(spec.kind.name, "constant"), spec.target)
        for spec in signature.input_specs
        if spec.kind.name != "USER_INPUT" and spec.target is not None
    }
    if call is not None:
        states |= _also_named(call.model, program)
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    values = [
        value
        for value, spec in zip(output.args[0], signature.output_specs, strict=True)
        if spec.kind.name == "USER_OUTPUT"
    ]
    given = opened(pytree.tree_unflatten(values, output_spec(program)))
    return Capture(
        name,
        program.graph,
        states,
        list(given.tensors.items()),
        model=call.model if call is not None else None,
        program=program,
        dimensions=symbol_names(call, program) if call is not None else {},
        constants=program.constants,
        other_inputs=call.others if call is not None else [],
        other_outputs=described(given.rest) if rest is None else rest,
    )


def _also_named(model: nn.Module, program: ExportedProgram) -> dict[str, tuple[str, str]]:
    """Return which constants are parameters or buffers of *model*, which it reads from a list or dict of its own."""
    known = {place(tensor): ("buffer", name) for name, tensor in named_buffers(model)}
    known |= {place(tensor): ("parameter", name) for name, tensor in named_parameters(model)}
    found = {}
    for spec in program.graph_signature.input_specs:
        tensor = program.constants.get(spec.target) if spec.kind.name == "CONSTANT_TENSOR" and spec.target else None
        if isinstance(tensor, torch.Tensor) and place(tensor) in known:
            found[spec.arg.name] = known[place(tensor)]
    return found


def _is_on_meta(call: BoundCall) -> bool:
    held = [*pytree.tree_leaves((call.args, call.kwargs)), *tensors(call.model)]
    return any(map(is_empty, held))


def _adapting(export: Callable[..., ExportedProgram], call: BoundCall) -> tuple[ExportedProgram, Rest | None]:
    """Export the model: as it is, or with a forward that gives and takes what torch.export knows.

    Beside the program stands what such a forward has left out, since it is no tensor.
    """
    try:
        with left_as_found(call.model, call.given), _followed():
            return export(call.model, call.args, call.kwargs, dynamic_shapes=call.shapes), None
    except Exception as error:
        if not any(words in str(error) for words in ADAPTABLE):
            raise
    with _adapted(call.model, call.kwargs) as rest, _followed():
        return export(call.model, call.args, call.kwargs, dynamic_shapes=call.shapes), rest


@contextlib.contextmanager
def _followed() -> Iterator[None]:
    """Let torch.export follow what it does not follow by itself."""
    with data_followed(), equality_followed(), graph_modules_followed(), parameters_copied():
        yield


@contextlib.contextmanager
def _adapted(model: nn.Module, given: dict[str, Any]) -> Iterator[Rest]:
    """Let ``forward`` give a dict of tensors, and name the arguments *given* by their own names.

    What else it gives is put into the list that comes of this.
    """
    rest: Rest = []
    forward = model.forward
    parameters = [p for p in inspect.signature(forward).parameters.values() if p.kind is not p.VAR_KEYWORD]
    named = {parameter.name for parameter in parameters}
    parameters += [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in given if name not in named]

    def adapted(*args: Any, **kwargs: Any) -> Any:
        found = opened(forward(*args, **kwargs))
        rest[:] = described(found.rest)
        return found.tensors

    with forward_replaced(model, adapted, inspect.Signature(parameters)):
        yield rest


__all__ = ["LostNumbersError", "capture_of_program", "export", "export_draft", "export_once", "export_strictly"]
