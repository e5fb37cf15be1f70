"""Cytoscape's JSON, for Cytoscape and cytoscape.js: modules are compound nodes. networkx makes and reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable

import networkx as nx

from ptgraph.formats.network.graph import network
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the whole graph as one file, ``cyjs``, each node with its ``parent`` and position. Reads no options."""
    found = network(graph)
    document = nx.cytoscape_data(found)
    document["data"] = {"name": graph.name}
    for node in document["elements"]["nodes"]:
        data = node["data"]
        data["name"] = data["label"]
        node["position"] = {"x": data.pop("x"), "y": data.pop("y")}
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return {"cyjs": [text.encode("utf-8", "backslashreplace"), b"\n"]}


__all__ = ["render"]
