"""Source → Capture: the first tracer of the ladder that can follow the model gives its torch.fx graph.

The ladder, from the most faithful tracer down: ``torch.export`` (non-strict), ``torch.export`` (strict),
``torch.export.draft_export``, ``torch.fx.symbolic_trace``, and a recorded forward pass.
The model is left as it was found. Its weights are neither needed nor copied. Draft export and recording run real
numbers: for them, a model without weights is given small random ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from ptgraph.common.interrupts import check
from ptgraph.common.silence import quiet
from ptgraph.errors import TraceError, UsageError
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.plain_values import reason
from ptgraph.tracing.source import Source
from ptgraph.tracing.state_guard import fast_paths_off, left_as_found
from ptgraph.tracing.torch_internals import export_errors
from ptgraph.tracing.tracers.dynamic_dims import dynamic_shapes
from ptgraph.tracing.tracers.eager_recorder import ForwardError, record
from ptgraph.tracing.tracers.forward_signature import bind, inputs_text
from ptgraph.tracing.tracers.fx_symbolic import trace_symbolically
from ptgraph.tracing.tracers.materialize import with_numbers
from ptgraph.tracing.tracers.torch_export import capture_of_program, export, export_draft, export_once, export_strictly


def capture(source: Source, *, tracers: Collection[str] | None = None, once: bool = True) -> Capture:
    """Trace *source* by the first tracer of the ladder that can follow it: of *tracers* (names in `LADDER`), or of all.

    With *once*, the first tracer does not trace a block again that must do what two others of its kind did.

    An interrupt is no failure of a tracer, even if torch makes an error of it.
    Raises UsageError where the inputs do not match the signature of ``forward`` or a dynamic dimension does
    not exist; TraceError where no tracer can follow it, with the reason of each.
    """
    if source.program is not None:
        return capture_of_program(source, source.program, "torch.export (loaded)", ())
    assert source.model is not None
    _check(source.model, source.name)
    given = bind(source.model, source.args, source.kwargs)
    shapes = dynamic_shapes(given, source.dynamic)
    attempts: list[tuple[str, str]] = []
    with quiet():
        export_errors()  # what a tracer may raise is known before one runs
    for tracer, trace in LADDER.items():
        if tracers is not None and tracer not in tracers:
            continue
        with left_as_found(source.model), quiet(), torch.no_grad(), fast_paths_off():
            with contextlib.suppress(NotImplementedError):  # what torch.export made has one mode
                source.model.eval()
            try:
                if once and trace is export:
                    return export_once(source, tracer, shapes, tuple(attempts))
                return trace(source, tracer, shapes, tuple(attempts))
            except Exception as error:  # whatever a tracer raises, the next may follow the model
                check(error)
                if isinstance(error, TraceError):
                    raise
                attempts.append((tracer, reason(error)))
                cause = error
    if isinstance(cause, ForwardError):  # then all that the tracers above it said comes of this
        raise TraceError(f"cannot run {source.name}{inputs_text(given)}: {reason(cause)}") from cause
    steps = "; ".join(f"{tracer}: {reason}" for tracer, reason in attempts)
    raise TraceError(f"cannot trace {source.name}{inputs_text(given)}: {steps}") from cause


def _check(model: nn.Module, name: str) -> None:
    """Raise UsageError for a model that is none yet, or none any more."""
    if isinstance(model, torch.jit.ScriptModule):
        raise UsageError(f"{name} is compiled by TorchScript; trace the module that it was made from")
    for key, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
            raise UsageError(f"{name} does not know the shape of {key} yet; run it once, then trace it")


def _recorded(source: Source, tracer: str, shapes: Any, attempts: Any) -> Capture:
    with with_numbers(source) as (model, args, kwargs):
        graph, states, outputs = record(model, args, kwargs)
    constants = {states[n.name][1]: n.meta["constant"] for n in graph.nodes if "constant" in n.meta}
    return Capture(source.name, graph, states, outputs, tracer, attempts, source.model, constants=constants)


LADDER: dict[str, Callable[..., Capture]] = {
    "torch.export": export,
    "torch.export (strict)": export_strictly,
    "torch.export.draft_export": export_draft,
    "torch.fx.symbolic_trace": trace_symbolically,
    "recorded forward pass": _recorded,
}

__all__ = ["LADDER", "capture"]
