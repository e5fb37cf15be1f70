"""Sums over module calls: FLOPs, activation bytes, number of calls and result of each module."""

from __future__ import annotations

from collections import defaultdict

import networkx as nx

from ptgraph.graph.model import Call, Shape
from ptgraph.graph.traversal import chains

Result = tuple[Shape | None, str | None]  # shape and dtype


def totals(
    ops: nx.DiGraph[str], calls: dict[str, Call]
) -> tuple[dict[str, int], dict[str, int], dict[str, int], dict[str, Result]]:
    """Return FLOPs, activation bytes, calls and the result (shape and dtype) by module path.

    The result is that of the module's first call: of the last operation in it that an operation outside reads, or of
    its last operation if none is read outside. Paths whose result has no shape are left out.
    """
    flops: dict[str, int] = defaultdict(int)
    activations: dict[str, int] = defaultdict(int)
    counts: dict[str, int] = defaultdict(int)
    first: dict[str, str] = {}
    for key, call in calls.items():
        counts[call.component] += 1
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
    shapes: dict[str, Result] = {path: found[1:] for path, found in yields.items()}
    results = [op for _, op in ops.nodes(data=True) if op["kind"] == "output"]
    if results:
        shapes[""] = (results[0]["shape"], results[0]["dtype"])
    return flops, activations, counts, shapes


__all__ = ["totals"]
