"""TracedProgram: the program that a graph was read from, and which of its nodes became what."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx
from torch.export import ExportedProgram

from ptgraph.graph.model import ModelGraph
from ptgraph.tracing.torch_internals import is_empty


@dataclass(frozen=True)
class TracedProgram:
    """What a traced graph keeps of its trace, in memory only (`ModelGraph.traced`).

    ``program`` is None where torch.export could not trace the model. ``nodes`` maps an FX node to the module call that
    it is in, and to its operation or None. Where a block repeats, the program holds one call of it, and an opaque
    operation for each other call: ``first_calls`` maps the id of the block to the one, ``repeated`` an opaque node to
    that id, its own call, and which operation of the one became which of the other.
    """

    program: ExportedProgram | None
    nodes: dict[fx.Node, tuple[str, str | None]]
    first_calls: dict[str, str]
    repeated: dict[fx.Node, tuple[str, str, dict[str, str]]]


def traced_program(graph: ModelGraph) -> TracedProgram:
    """Return the program that *graph* was read from; it must have been traced."""
    assert isinstance(graph.traced, TracedProgram)
    return graph.traced


def has_empty_constants(graph: ModelGraph) -> bool:
    """Return whether a tensor that is neither parameter nor buffer has lost its numbers, since it is on meta.

    Such are plain attributes, and tensors that ``forward`` makes of numbers.
    """
    held = graph.program.constants if graph.program is not None else {}
    tensors = (held.get(graph.op(name).target) for name in graph.of_kind("constant"))
    return any(map(is_empty, tensors))


__all__ = ["TracedProgram", "has_empty_constants", "traced_program"]
