"""Source → ModelGraph: every operation and component with its metadata, parameter counts and FLOPs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection
from dataclasses import replace

from ptgraph.common.silence import alone
from ptgraph.errors import PtgraphWarning, TraceError
from ptgraph.graph.block_ids import with_blocks
from ptgraph.graph.model import ModelGraph
from ptgraph.tracing.agreement import Witness, differences_text
from ptgraph.tracing.capture import EXPORTING, capture
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.fx_graph.reader import Reader
from ptgraph.tracing.module_tree import components, config_of, parameters, tensors_of
from ptgraph.tracing.plain_values import reason
from ptgraph.tracing.program import TracedProgram
from ptgraph.tracing.size_conditions import size_conditions
from ptgraph.tracing.source import Source
from ptgraph.tracing.stand_ins import stand_ins
from ptgraph.tracing.state_guard import random_states_kept

log = logging.getLogger(__name__)


@alone
def graph_of(source: Source, *, tracers: Collection[str] | None = None) -> ModelGraph:
    """Trace *source*, by *tracers* of the ladder or by all, and return its graph.

    A repeated block is traced once, if the two of its calls that are always traced turn out to be equal. Where the
    graph does not call its modules as often as a run of the model does, the later tracers of the ladder are tried.
    Warns with a PtgraphWarning if no graph agrees with a run, and of conditions on named dimensions. Raises what
    `ptgraph.tracing.capture.capture` does.
    """
    if source.graph is not None:
        return replace(source.graph, name=source.name)
    with stand_ins(source) as traced:
        graph = _agreeing(traced, tracers)
    if graph.size_conditions:
        held = " and ".join(graph.size_conditions)
        text = f"{graph.name} is traced as it runs where {held}; elsewhere it may do something else"
        warnings.warn(PtgraphWarning(text), stacklevel=2)
    return graph


def _agreeing(source: Source, tracers: Collection[str] | None) -> ModelGraph:
    """Return the first graph that agrees with a run of the model, or the first of all, with a warning."""
    witness = Witness(source)
    traced, graph = captured_graph(source, tracers)
    different = witness.differences(traced, graph)
    if not different:
        return graph
    attempts = [*graph.attempts, (graph.tracer, f"in its graph {differences_text(different)}")]
    tried = {tracer for tracer, _ in attempts}
    for tracer in EXPORTING:
        if tracer in tried or (tracers is not None and tracer not in tracers):
            continue
        try:
            traced, other = captured_graph(source, [tracer])
        except TraceError as error:
            attempts.append((tracer, reason(error.__cause__ or error)))
            continue
        if witness.differences(traced, other) == []:
            return replace(other, attempts=tuple(attempts))
        attempts.append((tracer, "its graph is no better"))
    text = f"the graph of {graph.name} is not what the model does when it runs: {differences_text(different)}"
    warnings.warn(PtgraphWarning(text), stacklevel=4)
    return graph


def captured_graph(source: Source, tracers: Collection[str] | None = None) -> tuple[Capture, ModelGraph]:
    """Return what a tracer gave, and its graph; repeated blocks are traced once if that is right."""
    traced = capture(source, tracers=tracers)
    graph = build(traced)
    if graph is None:
        traced = capture(source, tracers=tracers, once=False)
        graph = build(traced)
    assert graph is not None
    return traced, graph


def build(capture: Capture) -> ModelGraph | None:
    """Return the graph of a traced model, or None if two traced calls of a repeated block differ.

    Nothing of *capture* is changed.
    """
    for note in capture.notes:
        log.debug("%s", note)
    tensors = tensors_of(capture)
    reader = Reader(capture, {name: held.first for name, held in tensors.items()})
    with random_states_kept():  # operators are run again for their costs
        reader.read(capture.graph)
    reader.finish()
    made = reader.assembly
    tree, classes = components(capture, made.ops, made.calls, made.types, tensors, reader.files)
    first_calls = {block: calls[0].call for block, calls in reader.traced.items()}
    graph = ModelGraph(
        name=capture.name,
        ops=made.ops,
        components=tree,
        calls=made.calls,
        parameters=parameters(tensors, made.ops),
        classes=dict(sorted(classes.items())),
        tracer=capture.tracer,
        attempts=capture.attempts,
        config=config_of(capture.model),
        dimensions=capture.dimensions,
        size_conditions=[c.text for c in size_conditions(capture.program, capture.dimensions)],
        other_inputs=capture.other_inputs,
        other_outputs=capture.other_outputs,
        traced=TracedProgram(capture.program, reader.nodes, first_calls, reader.repeated),
    )
    graph = with_blocks(graph)
    for block in {block for block, _, _ in reader.repeated.values()}:
        first, *others = [each.call for each in reader.traced[block]]
        for other in others:
            if graph.blocks.get(first) != graph.blocks.get(other):
                log.debug("%s and %s look alike and are not the same: all blocks are traced", first, other)
                return None
    return graph


__all__ = ["build", "captured_graph", "graph_of"]
