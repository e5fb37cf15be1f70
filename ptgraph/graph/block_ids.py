"""Block ids: calls of modules have the same id if their operations are equal one by one, and wired alike.

`ptgraph.comparison.features` says how this equality differs from the others in the project.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.module_paths import moved


def with_blocks(graph: ModelGraph) -> ModelGraph:
    """Return *graph* with the block id of each module call, and of each component: that of its first call."""
    graph = replace(graph, blocks=block_ids(graph))
    for call, block in graph.blocks.items():
        node = graph.components.nodes[graph.calls[call].component]
        node["block"] = node["block"] or block
    return graph


def block_ids(graph: ModelGraph) -> dict[str, str]:
    """Return a block id for every module call (the keys of ``graph.calls``).

    Two calls have the same id if and only if their modules have the same class, and their operations, in order, have
    the same target, attributes, shape and dtype, are in the same submodules, read the same sources, and are read, or
    not, by operations outside. A source inside the call is its position; one outside, the order of its first use; a
    parameter, its name within the module; a constant, its value, or its name if the value is not known (on meta).
    """
    inside: dict[str, list[str]] = defaultdict(list)
    facts = {
        name: json.dumps([op["target"], op["attributes"], op["shape"], op["dtype"]], sort_keys=True)
        for name, op in graph.ops.nodes(data=True)
    }
    for name, op in graph.ops.nodes(data=True):
        key: str | None = op["call"] if op["kind"] == "op" else None
        while key is not None:
            inside[key].append(name)
            key = graph.calls[key].parent
    return {key: _signature(graph, key, names, facts) for key, names in inside.items()}


def _signature(graph: ModelGraph, key: str, names: list[str], facts: dict[str, str]) -> str:
    path = graph.calls[key].component
    position = {name: index for index, name in enumerate(names)}
    outside: dict[str, int] = {}
    ops = graph.ops.nodes
    lines = [graph.components.nodes[path]["type"]]
    for name in names:
        reads: list[Any] = []
        for source, edge in graph.ops.pred[name].items():
            origin = ops[source]
            if source in position:
                where: Any = position[source]
            elif origin["kind"] in ("parameter", "buffer"):
                where = [moved(origin["target"], path, ""), origin["shape"], origin["dtype"]]
            elif origin["kind"] == "constant":
                where = [origin["attributes"] or moved(origin["target"], path, ""), origin["shape"], origin["dtype"]]
            else:
                where = ["outside", outside.setdefault(source, len(outside)), edge["shape"], edge["dtype"]]
            reads.append([edge["slots"], edge["outputs"], where])
        yields = any(target not in position for target in graph.ops.succ[name])
        lines.append(f"{facts[name]} {moved(ops[name]['scope'], path, '')} {reads} {yields}")
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:12]


__all__ = ["block_ids", "with_blocks"]
