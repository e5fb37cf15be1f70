"""ModelGraph → one flat networkx graph for the programs that draw networks: modules and operations as nodes.

Values are numbers and text, so that every writer of networkx takes them: None is left out, and lists and dicts are
JSON text. A character that XML cannot hold is written as ``\\u0007`` (and a backslash before a u as ``\\u005c``).
"""

from __future__ import annotations

import json
from typing import Any

import networkx as nx

from ptgraph.drawing.palettes import style
from ptgraph.drawing.text import escaped
from ptgraph.formats.network.placement import place
from ptgraph.graph.labels import op_title, shape_text
from ptgraph.graph.model import ModelGraph


def network(graph: ModelGraph) -> nx.DiGraph[str]:
    """Return *graph* as one network, whose edges say what feeds what.

    An operation is called by its name, a module by ``/`` and its path. A node has the fields of its `graph.Op` or
    `graph.Component` (whose ``kind`` is ``module``), and besides: ``parent``, the module that it is in (the root has
    none; a parameter is in the module that holds it); ``label``, what a picture says; ``color`` and ``border``; and
    ``x``, ``y``, ``width`` and ``height`` in points, its centre and size, the y axis down. An edge has
    ``slots``, ``outputs``, ``shape`` and ``dtype`` (see `graph.ModelGraph`), and ``label``.
    """
    found: nx.DiGraph[str] = nx.DiGraph(name=escaped(graph.name))
    for path, component in graph.components.nodes(data=True):
        above = next(graph.components.predecessors(path), None)
        parent = None if above is None else _module(above)
        name = path.rpartition(".")[2] if path else graph.name
        label = " · ".join(filter(None, (name, graph.classes[component["type"]].short)))
        look = _look(component["category"])
        found.add_node(escaped(_module(path)), **_plain({"kind": "module", "parent": parent, "label": label, **look}))
        found.nodes[escaped(_module(path))].update(_plain(component))
    for name, op in graph.ops.nodes(data=True):
        label = _title(op)
        look = _look({"input": "Input", "output": "Output"}.get(op["kind"], "Operation"))
        found.add_node(escaped(name), **_plain({"parent": _module(_home(graph, op)), "label": label, **look, **op}))
    for source, target, edge in graph.ops.edges(data=True):
        found.add_edge(escaped(source), escaped(target), **_plain({"label": shape_text(edge["shape"]), **edge}))
    place(found)
    return found


def _module(path: str) -> str:
    return f"/{path}"


def _home(graph: ModelGraph, op: dict[str, Any]) -> str:
    """Return the path of the module that an operation is in: the one that calls it, or holds the parameter."""
    path: str = op["scope"]
    if op["kind"] in ("parameter", "buffer"):
        path = op["target"].rpartition(".")[0]
    while path not in graph.components:
        path = path.rpartition(".")[0]
    return path


def _title(op: dict[str, Any]) -> str:
    title: str = op["target"]
    if op["kind"] in ("parameter", "buffer"):
        return title.rpartition(".")[2]
    return op_title(title) if op["kind"] == "op" else title


def _look(category: str) -> dict[str, str]:
    look = style(category)
    return {"color": look.fill, "border": look.border}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that there are, as numbers and text."""
    return {name: _scalar(value) for name, value in values.items() if value is not None}


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return escaped(value)
    return value if isinstance(value, int | float) else json.dumps(value, sort_keys=True, allow_nan=False)


__all__ = ["network"]
