"""Source → Capture: the first tracer of the ladder that can follow the model gives its torch.fx graph.

The ladder, from the most faithful tracer down: ``torch.export`` (non-strict), ``torch.export`` (strict),
``torch.export.draft_export``, ``torch.fx.symbolic_trace``, and a recorded forward pass.
Every tracer runs attention by torch's reference kernel, whose result lies in memory in order on every device: so the
operations after it, and what they copy, are the same with and without weights.
The model is left as it was found. Its weights are neither needed nor copied. Draft export and recording run real
numbers: for them, a model without weights is given small random ones.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import replace

from torch import nn

from ptgraph.common.interrupts import check
from ptgraph.common.silence import quiet
from ptgraph.errors import TraceError, UsageError
from ptgraph.graph.labels import attempts_text
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.lazy_modules import uninitialized
from ptgraph.tracing.module_calls import ModuleCalls, calls_counted
from ptgraph.tracing.plain_values import reason
from ptgraph.tracing.source import Source
from ptgraph.tracing.state_guard import evaluating
from ptgraph.tracing.surroundings import warn_of_autocast
from ptgraph.tracing.torch_internals import export_errors
from ptgraph.tracing.tracers.bound_call import BoundCall, bind, taking_tensors
from ptgraph.tracing.tracers.eager_recorder import ForwardError, record
from ptgraph.tracing.tracers.fx_symbolic import trace_symbolically
from ptgraph.tracing.tracers.torch_export import (
    LostNumbersError,
    capture_of_program,
    export,
    export_draft,
    export_once,
    export_strictly,
)

log = logging.getLogger(__name__)


def capture(source: Source, *, tracers: Collection[str] | None = None, once: bool = True) -> Capture:
    """Trace *source* by the first tracer of the ladder that can follow it: of *tracers* (names in `LADDER`), or of all.

    With *once*, ``torch.export`` traces only two calls of each repeated block.

    Warns with a PtgraphWarning where autocast is on.
    An interrupt is no failure of a tracer, even if torch makes an error of it.
    Raises UsageError where the inputs do not match the signature of ``forward`` or a dynamic dimension does
    not exist; TraceError where no tracer can follow it, with the reason of each.
    """
    if source.program is not None:
        return replace(capture_of_program(source.name, source.program), tracer="torch.export (loaded)")
    assert source.model is not None
    _check(source.model, source.name)
    warn_of_autocast()
    call = bind(source)
    attempts: list[tuple[str, str]] = []
    spare: Capture | None = None
    too_deep = False
    with quiet():
        export_errors()  # what a tracer may raise is known before one runs
    for tracer, trace in LADDER.items():
        if tracers is not None and tracer not in tracers:
            continue
        if spare is not None and tracer not in EXPORTING:
            break
        if too_deep and trace is not record:  # the others nest calls deeper than the model itself
            continue
        counting = calls_counted(source.model) if tracer in RUNNING else nullcontext(ModuleCalls())
        with evaluating(source.model, call.given):
            try:
                with taking_tensors(call), counting as run:
                    traced = export_once(call) if once and trace is export else trace(call)
                return replace(traced, tracer=tracer, attempts=tuple(attempts), run=run)
            except Exception as error:  # whatever a tracer raises, the next may follow the model
                check(error)
                if isinstance(error, TraceError):
                    raise
                if isinstance(error, LostNumbersError):
                    spare = spare or replace(error.traced, tracer=tracer, attempts=tuple(attempts), run=run)
                log.debug("%s cannot trace %s", tracer, source.name, exc_info=True)
                attempts.append((tracer, reason(error)))
                cause, too_deep = error, isinstance(error, RecursionError)
    if spare is not None:
        return spare
    if isinstance(cause, ForwardError):  # then all that the tracers above it said comes of this
        raise TraceError(f"cannot run {source.name}{call.inputs_text()}: {reason(cause)}") from cause
    raise TraceError(f"cannot trace {source.name}{call.inputs_text()}: {attempts_text(attempts)}") from cause


def _check(model: nn.Module, name: str) -> None:
    """Raise UsageError for a model with parameters that have no shape yet."""
    if (key := uninitialized(model)) is not None:
        raise UsageError(f"{name} does not know the shape of {key} yet; run it once, then trace it")


LADDER: dict[str, Callable[[BoundCall], Capture]] = {
    "torch.export": export,
    "torch.export (strict)": export_strictly,
    "torch.export.draft_export": export_draft,
    "torch.fx.symbolic_trace": trace_symbolically,
    "recorded forward pass": record,
}
EXPORTING = ("torch.export", "torch.export (strict)", "torch.export.draft_export")  # these give a program, so ONNX
# These run the Python code of the model as it is. In strict mode Dynamo would trace what counts the calls.
RUNNING = ("torch.export", "torch.export.draft_export", "recorded forward pass")

__all__ = ["EXPORTING", "LADDER", "capture"]
