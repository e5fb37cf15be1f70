"""Records of the schema ↔ JSON-plain dicts, and a whole graph ↔ JSON."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

import networkx as nx

from ptgraph.graph.model import Call, ClassInfo, Component, ModelGraph, Op


def sparse(record: Any) -> dict[str, Any]:
    """Return the fields of a record of the schema, without those that have their defaults."""
    found = attributes(record)
    for own in fields(record):
        plain = own.default if own.default_factory is MISSING else own.default_factory()
        if found[own.name] == plain:
            del found[own.name]
    return found


def attributes(record: Any) -> dict[str, Any]:
    """Return the fields of a record of the schema as a dict; the values are not copied."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def to_json(graph: ModelGraph) -> str:
    """Return the graph of a pipeline as the text of its file; fields that have their defaults are left out."""
    data = {
        "name": graph.name,
        "tracer": graph.tracer,
        "config": graph.config,
        "ops": {name: sparse(graph.op(name)) for name in graph.ops},
        "edges": [{"source": s, "target": t, **edge} for s, t, edge in graph.ops.edges(data=True)],
        "components": [sparse(graph.component(path)) for path in graph.components],
        "tree": list(graph.components.edges),
        "calls": {key: attributes(call) for key, call in graph.calls.items()},
        "classes": {name: sparse(code) for name, code in graph.classes.items()},
    }
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(data: dict[str, Any]) -> ModelGraph:
    """Return the graph that `to_json` wrote, from the parsed JSON; *data* is changed."""
    ops: nx.DiGraph[str] = nx.DiGraph()
    ops.add_nodes_from((name, attributes(Op(**_shaped(op)))) for name, op in data["ops"].items())
    ops.add_edges_from((edge.pop("source"), edge.pop("target"), _shaped(edge)) for edge in data["edges"])
    tree: nx.DiGraph[str] = nx.DiGraph()
    tree.add_nodes_from((part["path"], attributes(Component(**_shaped(part)))) for part in data["components"])
    tree.add_edges_from(data["tree"])
    calls = {key: Call(**call) for key, call in data["calls"].items()}
    classes = {
        name: ClassInfo(**{**code, "methods": tuple(code.get("methods", ()))}) for name, code in data["classes"].items()
    }
    return ModelGraph(data["name"], ops, tree, calls, (), classes, data["tracer"], config=data["config"])


def _shaped(fields: dict[str, Any]) -> dict[str, Any]:
    """Return *fields* with the shape as a tuple, which JSON does not have."""
    return {key: tuple(value) if key == "shape" and value is not None else value for key, value in fields.items()}


__all__ = ["attributes", "from_json", "sparse", "to_json"]
