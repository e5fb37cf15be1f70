"""Walks over a graph: its nodes in order, the calls around a call, and the edges into an operation and its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from ptgraph.graph.model import Call, Shape


def chains(calls: dict[str, Call]) -> dict[str, list[str]]:
    """Return for each module call the calls around it, from the root's to itself."""
    found: dict[str, list[str]] = {}
    for key, call in calls.items():  # a call stands after the one around it
        found[key] = [*([] if call.parent is None else found[call.parent]), key]
    return found


def edges_into(graph: nx.DiGraph[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the edges into each node by their sources, in plain dicts: quicker than ``graph.pred``, and as alive."""
    return dict(graph.reverse(copy=False).adjacency())


def topological_order(flow: nx.DiGraph[str], rank: Mapping[str, int]) -> list[str]:
    """Return the nodes of *flow* in topological order, and of those that may come next that of the lowest *rank* first.

    Raises networkx.NetworkXUnfeasible if the edges close a circle.
    """
    if all(rank[source] < rank[target] for source, targets in flow.adjacency() for target in targets):
        return sorted(flow, key=rank.__getitem__)
    return list(nx.lexicographical_topological_sort(flow, key=rank.__getitem__))


def results(ops: nx.DiGraph[str], name: str) -> dict[int, tuple[Shape | None, str | None]]:
    """Return shape and dtype of an operation's results, by number: of the first, and of those that are read."""
    found = {0: (ops.nodes[name]["shape"], ops.nodes[name]["dtype"])}
    for _, _, edge in ops.out_edges(name, data=True):
        found.setdefault(edge["outputs"][0], (edge["shape"], edge["dtype"]))
    return dict(sorted(found.items()))


__all__ = ["chains", "edges_into", "results", "topological_order"]
