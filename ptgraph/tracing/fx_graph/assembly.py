"""The graph of operations while it is put together: operations, edges, module calls and their names."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import networkx as nx

from ptgraph.graph.model import Call, Op, Shape
from ptgraph.graph.serialize import attributes
from ptgraph.tracing.fx_graph.derived_weights import count_no_weights
from ptgraph.tracing.fx_graph.node import numbered


class Ref(NamedTuple):
    """A value: the operation that yields it, and the number of the result that it is."""

    op: str
    result: int


Value = Any  # what an fx node stands for: a Ref, None for what is left out, or a list or dict of them


class Read(NamedTuple):
    """What feeds one argument slot of an operation, with its shape and dtype at that time."""

    ref: Ref
    shape: Shape | None
    dtype: str | None


class GraphAssembly:
    """Operations in ``ops`` and module calls in ``calls``, in the order in which they are added.

    ``first`` maps every name of a tensor to its first one, ``states`` such a name to the value that reads it, and
    ``types`` the path of a module to its class.
    """

    def __init__(self, first: dict[str, str]) -> None:
        self.first = first
        self.ops: nx.DiGraph[str] = nx.DiGraph()
        self.calls: dict[str, Call] = {"": Call("", None)}
        self.types: dict[str, str] = {}
        self.states: dict[str, Ref] = {}
        self._calls_of: dict[str, dict[str, str]] = {}  # path → the tracer's key of each call → ours
        self._within: dict[str, list[str]] = {}

    def add(self, op: Op, name: str | None = None) -> Ref:
        """Add an operation under *name*, with ``_`` appended while that is taken, or under a temporary name."""
        name = f"ptgraph {len(self.ops)}" if name is None else name
        while name in self.ops:
            name += "_"
        self.ops.add_node(name, **attributes(op))
        return Ref(name, 0)

    def connect(self, reads: list[Read], name: str) -> None:
        """Add the edges to the operation *name*, which reads *reads*, one a slot."""
        by_source: dict[str, list[tuple[int, Read]]] = defaultdict(list)
        for slot, read in enumerate(reads):
            by_source[read.ref.op].append((slot, read))
        for source, pairs in by_source.items():
            self.ops.add_edge(
                source,
                name,
                slots=[slot for slot, _ in pairs],
                outputs=[read.ref.result for _, read in pairs],
                shape=pairs[0][1].shape,
                dtype=pairs[0][1].dtype,
            )

    def call(self, path: str, parent: str, key: str) -> str:
        """Return the call of the module at *path* that the tracer knows by *key*; add it if it is new."""
        known = self._calls_of.setdefault(path, {})
        return known[key] if key in known else self.new_call(path, parent, key)

    def new_call(self, path: str, parent: str, key: str | None = None) -> str:
        """Add another call of the module at *path*, made by the call *parent*, and return its key in ``calls``."""
        known = self._calls_of.setdefault(path, {})
        call = (f"{path}@{len(known)}" if known else path) if path else ""
        while call in self.calls and path:  # a module whose name ends like ours of calls
            call += "@"
        self.calls.setdefault(call, Call(path, parent))
        known[f"copied {len(known)}" if key is None else key] = call
        return call

    def within(self, call: str) -> list[str]:
        """Return the operations in a module call, in order. All of them must have been added."""
        if call not in self._within:
            inside = {call}
            for key, made in self.calls.items():  # a call stands after the one that made it
                if made.parent in inside:
                    inside.add(key)
            self._within[call] = [
                n for n, op in self.ops.nodes(data=True) if op["kind"] == "op" and op["call"] in inside
            ]
        return self._within[call]

    def finish(self) -> dict[str, str]:
        """Remove what yields no tensor and feeds nothing (questions of the tracer), and name the operations.

        Returns the name that each operation had before, with the one that it has now.
        """
        for name in reversed(list(self.ops)):
            op = self.ops.nodes[name]
            if op["kind"] == "op" and op["shape"] is None and not self.ops.out_degree(name):
                self.ops.remove_node(name)
        count_no_weights(self.ops)
        names = numbered(self.ops)
        named: nx.DiGraph[str] = nx.DiGraph()
        named.add_nodes_from((names.get(name, name), op) for name, op in self.ops.nodes(data=True))
        for target in self.ops:  # what feeds an operation stays in its order
            named.add_edges_from(
                (names.get(s, s), names.get(t, t), e) for s, t, e in self.ops.in_edges(target, data=True)
            )
        self.ops = named
        return names


__all__ = ["GraphAssembly", "Read", "Ref", "Value"]
