"""GEXF, for Gephi: networkx writes it. Modules are nodes with edges to what they contain, for Gephi has no groups.

networkx reads it back as the graph that `gexf_network` returns, with every attribute.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import indent, tostring

import networkx as nx
from networkx.readwrite.gexf import GEXFWriter

from ptgraph.formats.network.graph import network
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the whole graph as one file, ``gexf``. Reads no options."""
    document = GEXFWriter(gexf_network(graph)).xml
    meta = document.find("meta")
    meta.attrib.clear()  # the date
    meta.find("creator").text = "ptgraph"
    indent(document)
    return {"gexf": [tostring(document, encoding="utf-8", xml_declaration=True), b"\n"]}


def gexf_network(graph: ModelGraph) -> nx.DiGraph[str]:
    """Return the `network.network` of *graph* with what GEXF has of its own.

    ``relation`` of an edge is ``feeds`` or ``contains``. ``pid`` of a node is its parent, ``viz`` its colour, size and
    place (Gephi's y axis points up). Edges have an ``id``.
    """
    found = network(graph)
    nx.set_edge_attributes(found, dict.fromkeys(found.edges, "feeds"), "relation")
    for name, node in found.nodes(data=True):
        red, green, blue = bytes.fromhex(node["border"][1:])
        node["viz"] = {
            "color": {"r": red, "g": green, "b": blue, "a": 1.0},
            "size": 20.0 if node["kind"] == "module" else 10.0,
            "position": {"x": node["x"], "y": -node["y"], "z": 0.0},
        }
        if "parent" in node:
            node["pid"] = node["parent"]
            found.add_edge(node["parent"], name, relation="contains")
    nx.set_edge_attributes(found, {edge: str(number) for number, edge in enumerate(found.edges)}, "id")
    return found


__all__ = ["gexf_network", "render"]
