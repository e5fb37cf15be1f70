"""Which modules are the same block: two runs are, if their operations, wired alike, are equal one by one."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import Any

from .graph import ModelGraph


def block_ids(graph: ModelGraph) -> dict[str, str]:
    """Return a block id for every run of a module (the keys of ``graph.calls``).

    Two runs have the same id exactly when their operations have, in order, the same target, attributes, shape
    and dtype, sit in the same parts, read the same places, and yield the same ones of their results: an operation
    inside is known by its position, one outside by the order of its first use, a parameter by its name within the
    module, and a constant by its value, or by its name where nobody knows its value (on meta).
    """
    inside: dict[str, list[str]] = defaultdict(list)
    for name, op in graph.ops.nodes(data=True):
        key: str | None = op["call"] if op["kind"] == "op" else None
        while key is not None:
            inside[key].append(name)
            key = graph.calls[key].parent
    return {key: _signature(graph, key, names) for key, names in inside.items()}


def _signature(graph: ModelGraph, key: str, names: list[str]) -> str:
    path = graph.calls[key].component
    position = {name: index for index, name in enumerate(names)}
    outside: dict[str, int] = {}
    lines = [graph.components.nodes[path]["type"]]
    for name in names:
        op = graph.ops.nodes[name]
        reads: list[Any] = []
        for source, _, edge in graph.ops.in_edges(name, data=True):
            origin = graph.ops.nodes[source]
            if source in position:
                place: Any = position[source]
            elif origin["kind"] in ("parameter", "buffer"):
                place = [_within(origin["target"], path), origin["shape"], origin["dtype"]]
            elif origin["kind"] == "constant":
                place = [origin["attributes"] or _within(origin["target"], path), origin["shape"], origin["dtype"]]
            else:
                place = ["outside", outside.setdefault(source, len(outside)), edge["shape"], edge["dtype"]]
            reads.append([edge["slots"], edge["outputs"], place])
        yields = any(target not in position for target in graph.ops.successors(name))
        said = [op["target"], op["attributes"], op["shape"], op["dtype"], _within(op["scope"], path), reads, yields]
        lines.append(json.dumps(said, sort_keys=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _within(name: str, path: str) -> str:
    """Return *name* relative to the module at *path*, or whole if it is outside."""
    return name[len(path) :] if name == path or name.startswith(path + ".") else name


__all__ = ["block_ids"]
