"""Sums: additions in a row, such as that of the results of eight experts, which are drawn as one Σ."""

from __future__ import annotations

from collections.abc import Container, Mapping

import networkx as nx

from ptgraph.graph.model import ModelGraph

SIGN = "Σ"  # the title of an addition that stands for several
_ADDITIONS = {
    "aten.add.Tensor",
    "aten.add_.Tensor",
    "aten.index_add.default",
    "aten.index_add_.default",
    "onnx.Add",
}
_ZEROS = {"aten.zeros.default", "aten.zeros_like.default", "aten.new_zeros.default"}
_ALIKE = ("target", "shape", "dtype", "call", "attributes")


def sums(graph: ModelGraph) -> dict[str, str]:
    """Return each addition that is one of several in a row, and the last of them.

    An addition is followed by another if only that reads it, which yields the same shape and dtype in the same module.
    """
    ops = graph.ops.nodes
    following: dict[str, str] = {}
    for name, op in ops(data=True):
        if op["target"] in _ADDITIONS and _adds_values(graph, name):
            readers = list(graph.ops.succ[name])
            if len(readers) == 1 and _adds_values(graph, readers[0]):
                other = ops[readers[0]]
                if all(op[fact] == other[fact] for fact in _ALIKE):
                    following[name] = readers[0]
    found: dict[str, str] = {}
    for name in reversed(list(following)):
        after = following[name]
        found[name] = found[after] = found.get(after, after)
    return found


def zeros(graph: ModelGraph) -> set[str]:
    """Return the operations that yield zeros."""
    return {name for name, op in graph.ops.nodes(data=True) if op["target"] in _ZEROS}


def add_up(
    flow: nx.DiGraph[str], inside: Container[str], sums: Mapping[str, str], zeros: Container[str]
) -> dict[str, list[str]]:
    """Let the last addition of what the leaves *inside* of parallel blocks yield stand for those before it, in place.

    Returns for each such addition the leaves that are gone: the additions in a row, and zeros that only they read.
    *sums* maps additions in a row to the last of them.
    """
    adding: dict[str, list[str]] = {}
    for name, last in sums.items():
        if name in flow and any(source in inside for source in flow.pred[name]):
            adding.setdefault(last, []).append(name)
    found = {}
    for names in adding.values():
        last = next(name for name in names if not any(other in names for other in flow.succ[name] if other in sums))
        gone: list[str] = []
        waiting = [last]
        while waiting:
            for source in list(flow.pred[waiting.pop()]):
                is_read_once = len(flow.succ[source]) == 1
                if sums.get(source) == sums[last] and source not in inside:
                    gone.append(source)
                    waiting.append(source)
                elif source in zeros and is_read_once:
                    gone.append(source)
        terms = {
            source: edge["label"]
            for name in [last, *gone]
            if name in sums
            for source, edge in flow.pred[name].items()
            if source not in gone
        }
        flow.remove_edges_from([(source, last) for source in list(flow.pred[last])])
        for slot, (source, label) in enumerate(terms.items()):
            flow.add_edge(source, last, label=label, slots=[slot])
        flow.remove_nodes_from(gone)
        found[last] = gone
    return found


def _adds_values(graph: ModelGraph, name: str) -> bool:
    """Return whether an operation reads several values, and no parameter, constant or number."""
    kinds = [graph.ops.nodes[source]["kind"] for source in graph.ops.pred[name]]
    return len(kinds) > 1 and set(kinds) <= {"op", "input"}


__all__ = ["SIGN", "add_up", "sums", "zeros"]
