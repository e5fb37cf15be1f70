"""The tree of modules by their paths, and the sums over what each runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping

import networkx as nx

from .graph import Call, Shape, chains

CONTAINER = "torch.nn.modules.container.ModuleList"
Yielded = tuple[Shape | None, str | None]  # shape and dtype


def upwards(path: str) -> Iterator[str]:
    """Yield *path* and the paths above it, up to the root's."""
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""


def parent(path: str, known: Container[str]) -> str:
    """Return the nearest path above *path* that is known."""
    return next(above for above in upwards(path.rpartition(".")[0]) if above in known)


def natural(path: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in paths as numbers."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in path.split(".")]


def completed(types: Mapping[str, str], others: Iterable[str] = ()) -> dict[str, str]:
    """Return path → class of modules that are known, of *others*, and of all above them, each after its parent.

    A module that never ran itself and whose parts are numbered is a ModuleList; that of which nobody knows the class
    has the empty string.
    """
    found = dict.fromkeys(above for path in ("", *types, *others) for above in reversed([*upwards(path)]))
    parts: dict[str, set[str]] = defaultdict(set)
    for path in found:
        if path:
            above, _, own = path.rpartition(".")
            parts[above].add(own)
    numbered = {path for path, names in parts.items() if path and all(name.isdigit() for name in names)}
    return {path: types.get(path, CONTAINER if path in numbered else "") for path in found}


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


__all__ = ["completed", "natural", "parent", "totals", "upwards"]
