"""JSON: everything in the graph, for scripts. ``ptgraph/schema.json`` describes it, ``ptgraph schema`` prints it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from ptgraph.formats.options import Options
from ptgraph.graph.analysis import analyze
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.serialize import attributes

# 1 first form.
# 2 `elements`: where the elements of the parameters are.
# 3 `activation_bytes` of operations, components, layers and all.
SCHEMA_VERSION = 3
_IF_ANY = ("other_inputs", "other_outputs", "size_conditions")  # left out where there are none


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the graph and its analysis as one file, ``json``: pretty, sorted, strict (no NaN). Reads no options."""
    text = json.dumps(document(graph), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return {"json": [text.encode("utf-8", "backslashreplace"), b"\n"]}


def document(graph: ModelGraph) -> dict[str, Any]:
    """Return what the file holds, JSON-plain. Lists of operations and layers are in order of execution."""
    analysis = analyze(graph)
    return {
        "schema_version": SCHEMA_VERSION,
        "generator": {"name": "ptgraph", "version": version("ptgraph")},
        "model": {
            "name": graph.name,
            "class": graph.component("").type,
            "config": graph.config,
            "inputs": [_value(graph, name) for name in graph.of_kind("input")],
            "outputs": [_value(graph, name) for name in graph.of_kind("output")],
            "dimensions": sorted(set(graph.dimensions.values())),
            **{name: found for name in _IF_ANY if (found := getattr(graph, name))},
        },
        "tracer": {"used": graph.tracer, "failed": [{"name": n, "reason": r} for n, r in graph.attempts]},
        "totals": analysis.written_totals,
        "layers": list(analysis.layers),
        "parameters": list(analysis.parameters),
        "elements": analysis.elements,
        "components": [_component(graph, path) for path in graph.components],
        "classes": {name: attributes(info) for name, info in graph.classes.items()},
        "ops": [_operation(name, op) for name, op in graph.ops.nodes(data=True)],
        "edges": [{"source": s, "target": t, **e} for s, t, e in graph.ops.edges(data=True)],
        "calls": {key: attributes(call) for key, call in graph.calls.items()},
        "blocks": _blocks(graph),
        **({"file": graph.file} if graph.file else {}),
    }


def _operation(name: str, op: dict[str, Any]) -> dict[str, Any]:
    """Return what the file says of an operation; why its numbers are not known only where they are not."""
    return {"id": name, **{field: value for field, value in op.items() if value or field != "uncounted"}}


def _value(graph: ModelGraph, name: str) -> dict[str, Any]:
    op = graph.op(name)
    return {"id": name, "name": op.target, "shape": op.shape, "dtype": op.dtype}


def _component(graph: ModelGraph, path: str) -> dict[str, Any]:
    parent = next(graph.components.predecessors(path), None)
    return {**graph.components.nodes[path], "parent": parent}


def _blocks(graph: ModelGraph) -> dict[str, list[str]]:
    """Return block id → paths, for blocks that occur more than once."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, component in graph.components.nodes(data=True):
        if component["block"]:
            found[component["block"]].append(path)
    return {block: paths for block, paths in found.items() if len(paths) > 1}


__all__ = ["SCHEMA_VERSION", "document", "render"]
