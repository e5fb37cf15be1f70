"""Targets of the command line → graphs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptgraph.cli.console import warn
from ptgraph.errors import TraceError
from ptgraph.graph.labels import attempts_text

if TYPE_CHECKING:
    from ptgraph.graph.model import ModelGraph


def graph_of_target(
    target: str,
    inputs: tuple[str, ...],
    step: Callable[[str], None],
    *,
    name: str | None = None,
    weights: bool = False,
    checkpoint: str | None = None,
    trust: bool = False,
) -> ModelGraph:
    """Return the graph of *target*; *step* is told what is being done.

    Raises LoadError, UsageError or TraceError if the target cannot be loaded or traced.
    """
    if target.endswith(".onnx"):
        return read_onnx(target, name, step, input=inputs, weights=weights, checkpoint=checkpoint)
    step("loading torch")
    from ptgraph.loading.target import load
    from ptgraph.tracing.build_graph import graph_of
    from ptgraph.tracing.program import has_empty_constants
    from ptgraph.tracing.tracers.materialize import may_be_real

    step(f"loading {target}")
    source = load(target, inputs, name=name, weights=weights, checkpoint=checkpoint, trust=trust)
    step("tracing")
    if weights or checkpoint or not may_be_real(source.model):
        return graph_of(source)
    graph = None
    with contextlib.suppress(TraceError):  # it may depend on values, or mix tensors on meta with those that are not
        graph = graph_of(source, tracers=["torch.export"])
        if not has_empty_constants(graph):
            return graph
    real = load(target, inputs, name=name, weights=True)
    if graph is not None and may_be_real(real.model):  # a config promises the weights of another file
        return graph
    return graph_of(real)


def read_onnx(target: str, name: str | None, step: Callable[[str], None], **given: Any) -> ModelGraph:
    """Return the graph of an ONNX file, without torch. Raises UsageError if an option in *given* is set."""
    from ptgraph.onnx.reading.read import read_target

    step(f"reading {target}")
    return read_target(Path(target), [f"--{option}" for option, value in given.items() if value], name)


def warn_of_attempts(graph: ModelGraph) -> None:
    """Print a warning if tracers failed before the one that traced *graph*."""
    if graph.attempts:
        warn(f"traced by {graph.tracer}, since {attempts_text(graph.attempts)}")


__all__ = ["graph_of_target", "warn_of_attempts"]
