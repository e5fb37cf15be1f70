"""The tree of modules as names within names, for viewers that nest by a path."""

from __future__ import annotations

from collections import Counter

from ptgraph.graph.labels import call_text
from ptgraph.graph.model import ModelGraph


def namespaces(graph: ModelGraph) -> dict[str, tuple[str, ...]]:
    """Return for each module call, by its key in ``graph.calls``, the names from the outermost module to its own.

    The root has none. A name is the path within the module around it (``layers.0``). A further call of the same module
    is numbered (``norm (2nd call)``), so that no two calls have the same names.
    """
    found: dict[str, tuple[str, ...]] = {}
    taken: set[tuple[str, ...]] = set()
    times: Counter[tuple[str, ...]] = Counter()
    for key, call in graph.calls.items():  # a call stands after the one around it
        if call.parent is None:
            found[key] = ()
            continue
        above = graph.calls[call.parent].component
        around = found[call.parent]
        name = free = (*around, call.component.removeprefix(f"{above}.") if above else call.component)
        while times[name] or free in taken:
            times[name] += 1
            free = (*around, call_text(name[-1], times[name]))
            if free not in taken:
                break
        times[name] = max(times[name], 1)
        taken.add(free)
        found[key] = free
    return found


__all__ = ["namespaces"]
