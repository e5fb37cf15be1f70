"""A run of a block that was not traced: the operations of the run that was, once more, in their own modules."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import networkx as nx

from ptgraph.graph.model import Call, Op, Shape
from ptgraph.graph.module_paths import moved


class Ref(NamedTuple):
    """A value: the operation that yields it, and which of its results it is."""

    op: str
    result: int


Value = Any  # what an fx node stands for: a Ref, None for what is left out, or a list or dict of them


class Read(NamedTuple):
    """What feeds one slot of an operation, as it is when it is read."""

    ref: Ref
    shape: Shape | None
    dtype: str | None


class Run(NamedTuple):
    """A traced run of a block: its key in ``calls``, its inputs and its results."""

    call: str
    inputs: list[Value]
    results: list[Value]


class Ledger(Protocol):
    """What has been read so far, and how to add to it (a `ptgraph.tracing.fx_graph.reader.Reader`)."""

    ops: nx.DiGraph[str]
    calls: dict[str, Call]
    types: dict[str, str]
    states: dict[str, Ref]
    first: dict[str, str]

    def within(self, call: str) -> list[str]:
        """Return the operations of a run of a module, in order."""

    def add(self, op: Op) -> Ref:
        """Add an operation."""

    def connect(self, reads: list[Read], name: str) -> None:
        """Let an operation read values, one a slot."""

    def new_call(self, path: str, parent: str) -> str:
        """Note another run of the module at *path*, and return its key."""


def copy_run(reader: Ledger, run: Run, call: str, inputs: list[Value]) -> tuple[list[Value], dict[str, str]]:
    """Add what *run* does once more, for *call* and on *inputs*; return its results, and the copy of each operation.

    A parameter of the block becomes that of the same name in the other module; any other value from outside is
    the input in the same place, or the same value.
    """
    old, new = reader.calls[run.call].component, reader.calls[call].component
    given = {ref: other for ref, other in zip(run.inputs, inputs, strict=True) if isinstance(ref, Ref)}
    calls = {run.call: call}
    names: dict[str, str] = {}

    def in_copy(path: str) -> str:
        return moved(path, old, new)

    def call_of(key: str) -> str:
        if key not in calls:
            made = reader.calls[key]
            assert made.parent is not None
            calls[key] = reader.new_call(in_copy(made.component), call_of(made.parent))
            reader.types.setdefault(in_copy(made.component), reader.types[made.component])
        return calls[key]

    def value(ref: Ref) -> Ref:
        if ref.op in names:
            return Ref(names[ref.op], ref.result)
        target = reader.ops.nodes[ref.op]["target"]
        if reader.ops.nodes[ref.op]["kind"] in ("parameter", "buffer") and in_copy(target) != target:
            return reader.states[reader.first.get(in_copy(target), in_copy(target))]
        other: Ref = given.get(ref, ref)
        return other

    for name in reader.within(run.call):
        op = reader.ops.nodes[name]
        reads: dict[int, Read] = {}
        for source, _, edge in reader.ops.in_edges(name, data=True):
            for slot, result in zip(edge["slots"], edge["outputs"], strict=True):
                reads[slot] = Read(value(Ref(source, result)), edge["shape"], edge["dtype"])
        names[name] = reader.add(Op(**{**op, "scope": in_copy(op["scope"]), "call": call_of(op["call"])})).op
        reader.connect([reads[slot] for slot in sorted(reads)], names[name])
    return [value(ref) if isinstance(ref, Ref) else ref for ref in run.results], names


__all__ = ["Read", "Ref", "Run", "Value", "copy_run"]
