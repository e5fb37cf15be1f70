"""The tree of modules as names within names, for viewers that nest by a path."""

from __future__ import annotations

from collections import Counter

from ptgraph.graph.model import ModelGraph


def namespaces(graph: ModelGraph) -> dict[str, tuple[str, ...]]:
    """Return for each run of a module, by its key in ``graph.calls``, the names from the outermost module to its own.

    The root's is empty. A name is the path within the module that runs it (``layers.0``); where one is taken, it is
    counted (``norm · run 2``), so that no two runs are the same.
    """
    found: dict[str, tuple[str, ...]] = {}
    taken: set[tuple[str, ...]] = set()
    times: Counter[tuple[str, ...]] = Counter()
    for key, call in graph.calls.items():  # a run stands after the one that made it
        if call.parent is None:
            found[key] = ()
            continue
        above = graph.calls[call.parent].component
        around = found[call.parent]
        name = place = (*around, call.component.removeprefix(f"{above}.") if above else call.component)
        while times[name] or place in taken:
            times[name] += 1
            place = (*around, f"{name[-1]} · run {times[name]}")
            if place not in taken:
                break
        times[name] = max(times[name], 1)
        taken.add(place)
        found[key] = place
    return found


__all__ = ["namespaces"]
