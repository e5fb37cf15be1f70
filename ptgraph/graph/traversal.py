"""Walks over a graph: the calls around a call, and the results of an operation."""

from __future__ import annotations

import networkx as nx

from ptgraph.graph.model import Call, Shape


def chains(calls: dict[str, Call]) -> dict[str, list[str]]:
    """Return for each run of a module the runs that it is in, from the root's to itself."""
    found: dict[str, list[str]] = {}
    for key, call in calls.items():  # a run stands after the one that made it
        found[key] = [*([] if call.parent is None else found[call.parent]), key]
    return found


def results(ops: nx.DiGraph[str], name: str) -> dict[int, tuple[Shape | None, str | None]]:
    """Return by number what is known of an operation's results, shape and dtype: the first, and those that are read."""
    found = {0: (ops.nodes[name]["shape"], ops.nodes[name]["dtype"])}
    for _, _, edge in ops.out_edges(name, data=True):
        found.setdefault(edge["outputs"][0], (edge["shape"], edge["dtype"]))
    return dict(sorted(found.items()))


__all__ = ["chains", "results"]
