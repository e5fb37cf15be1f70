"""Sums over module calls: FLOPs, activation bytes, number of calls and result of each module."""

from __future__ import annotations

from collections import defaultdict

import networkx as nx

from ptgraph.graph.model import Call, Shape
from ptgraph.graph.traversal import chains

Yielded = tuple[Shape | None, str | None]  # shape and dtype


def totals(
    ops: nx.DiGraph[str], calls: dict[str, Call]
) -> tuple[dict[str, int], dict[str, int], dict[str, int], dict[str, Yielded]]:
    """Return FLOPs, activation bytes and runs per module path, and shape and dtype of what its first run yields.

    That is the last operation in it that something outside reads, or the last one if nothing does.
    """
    flops: dict[str, int] = defaultdict(int)
    activations: dict[str, int] = defaultdict(int)
    runs: dict[str, int] = defaultdict(int)
    first: dict[str, str] = {}
    for key, call in calls.items():
        runs[call.component] += 1
        first.setdefault(call.component, key)
    above = chains(calls)
    yields: dict[str, tuple[bool, Shape, str | None]] = {}
    for name, op in ops.nodes(data=True):
        if op["kind"] != "op":
            continue
        followers = [ops.nodes[after] for after in ops.successors(name)]
        for key in above[op["call"]]:
            path = calls[key].component
            flops[path] += op["flops"]
            activations[path] += op["activation_bytes"]
            if first[path] != key or op["shape"] is None:
                continue
            leaves = any(after["kind"] == "output" or key not in above[after["call"]] for after in followers)
            if leaves or not yields.get(path, (False,))[0]:
                yields[path] = (leaves, op["shape"], op["dtype"])
    shapes: dict[str, Yielded] = {path: found[1:] for path, found in yields.items()}
    results = [op for _, op in ops.nodes(data=True) if op["kind"] == "output"]
    if results:
        shapes[""] = (results[0]["shape"], results[0]["dtype"])
    return flops, activations, runs, shapes


__all__ = ["totals"]
