"""Replay: the operations of a traced call of a block, copied for a call that repeats it."""

from __future__ import annotations

from typing import NamedTuple

from ptgraph.graph.model import Op
from ptgraph.graph.module_paths import moved
from ptgraph.tracing.fx_graph.assembly import GraphAssembly, Read, Ref, Value


class TracedCall(NamedTuple):
    """A traced call of a block: its key in ``calls``, its inputs and its results."""

    call: str
    inputs: list[Value]
    results: list[Value]


def copy_call(
    graph: GraphAssembly, traced: TracedCall, call: str, inputs: list[Value]
) -> tuple[list[Value], dict[str, str]]:
    """Add what *traced* does once more, for *call* and on *inputs*; return its results, and the copy of each operation.

    A parameter of the block becomes that of the same name in the other module; any other value from outside is
    the input in the same place, or the same value.
    """
    old, new = graph.calls[traced.call].component, graph.calls[call].component
    given = {ref: other for ref, other in zip(traced.inputs, inputs, strict=True) if isinstance(ref, Ref)}
    calls = {traced.call: call}
    names: dict[str, str] = {}

    def in_copy(path: str) -> str:
        return moved(path, old, new)

    def call_of(key: str) -> str:
        if key not in calls:
            made = graph.calls[key]
            assert made.parent is not None
            calls[key] = graph.new_call(in_copy(made.component), call_of(made.parent))
            graph.types.setdefault(in_copy(made.component), graph.types[made.component])
        return calls[key]

    def value(ref: Ref) -> Ref:
        if ref.op in names:
            return Ref(names[ref.op], ref.result)
        target = graph.ops.nodes[ref.op]["target"]
        if graph.ops.nodes[ref.op]["kind"] in ("parameter", "buffer") and in_copy(target) != target:
            return graph.states[graph.first.get(in_copy(target), in_copy(target))]
        other: Ref = given.get(ref, ref)
        return other

    for name in graph.within(traced.call):
        op = graph.ops.nodes[name]
        reads: dict[int, Read] = {}
        for source, _, edge in graph.ops.in_edges(name, data=True):
            for slot, result in zip(edge["slots"], edge["outputs"], strict=True):
                reads[slot] = Read(value(Ref(source, result)), edge["shape"], edge["dtype"])
        names[name] = graph.add(Op(**{**op, "scope": in_copy(op["scope"]), "call": call_of(op["call"])})).op
        graph.connect([reads[slot] for slot in sorted(reads)], names[name])
    return [value(ref) if isinstance(ref, Ref) else ref for ref in traced.results], names


__all__ = ["TracedCall", "copy_call"]
