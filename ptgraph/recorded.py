"""The training steps that come recorded with the package: as `ptgraph.pipeline` records them, without running them.

A recording takes seconds and the extra ``train``, so what it gives for the preset nano is kept as JSON beside the
training code, with what that code says of itself. ``make recorded`` writes it anew; a test proves it current.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import networkx as nx

from .graph import Call, ClassInfo, Component, ModelGraph, Op, attributes, sparse

PIPELINES = ("pretrain", "grpo")
TRAINED = "ptgraph.models.transformer.TransformerLM"  # the class of the models that these steps train


def pipelines_of(graph: ModelGraph) -> dict[str, ModelGraph]:
    """Return the recorded pipelines of a traced model, by kind: those of the Pure Transformer, or none."""
    return {kind: recorded(kind) for kind in PIPELINES} if graph.component("").type == TRAINED else {}


def recorded(kind: str) -> ModelGraph:
    """Return the graph that ``record_pipeline(kind)`` gave when it was recorded.

    Raises ValueError for a pipeline that does not exist.
    """
    check_kind(kind)
    spec = find_spec("ptgraph.models")  # to import it takes torch
    assert spec is not None and spec.submodule_search_locations
    file = Path(spec.submodule_search_locations[0]) / "training" / "recorded" / f"{kind}.json"
    return _graph(json.loads(file.read_text(encoding="utf-8")))


def check_kind(kind: str) -> None:
    """Raise ValueError for a pipeline that does not exist."""
    if kind not in PIPELINES:
        raise ValueError(f"there is no pipeline {kind!r}; choose from {', '.join(PIPELINES)}")


def text_of(graph: ModelGraph) -> str:
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


def _graph(data: dict[str, Any]) -> ModelGraph:
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
    """Return *fields* with the shape as a tuple; JSON knows none."""
    return {key: tuple(value) if key == "shape" and value is not None else value for key, value in fields.items()}


__all__ = ["PIPELINES", "check_kind", "pipelines_of", "recorded", "text_of"]
