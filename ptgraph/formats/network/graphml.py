"""GraphML, which yEd opens with modules as groups: networkx writes the graph, here its nodes are nested and drawn.

networkx reads it back as the graph of `ptgraph.formats.network.graph.network`, with every attribute.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import networkx as nx
from networkx.readwrite.graphml import GraphMLWriter

from ptgraph.drawing.palettes import LINE, MUTED, TEXT
from ptgraph.formats.network.graph import network
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph

_YED = "http://www.yworks.com/xml/graphml"


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the whole graph as one file, ``graphml``. Reads no options."""
    found = network(graph)
    document = GraphMLWriter(found).xml
    _draw(document, found)
    _nest(document, found)
    indent(document)
    return {"graphml": [tostring(document, encoding="utf-8", xml_declaration=True), b"\n"]}


def _draw(document: Element, found: nx.DiGraph[str]) -> None:
    """Say how yEd draws nodes and edges. It stands first: networkx takes values from it, and then the true ones."""
    document.set("xmlns:y", _YED)
    for kind in ("edge", "node"):
        document.insert(0, Element("key", {"for": kind, "id": f"{kind}graphics", "yfiles.type": f"{kind}graphics"}))
    modules = {node.get("parent") for _, node in found.nodes(data=True)}
    for node in document.iter("node"):
        name = node.attrib["id"]
        graphics = Element("data", key="nodegraphics")
        node.insert(0, graphics)
        if name in modules:
            realizers = SubElement(SubElement(graphics, "y:ProxyAutoBoundsNode"), "y:Realizers", active="0")
            for closed in ("false", "true"):
                group = _shape(realizers, "y:GroupNode", found.nodes[name], modelName="internal", modelPosition="t")
                SubElement(group, "y:State", closed=closed)
        else:
            _shape(graphics, "y:ShapeNode", found.nodes[name])
    for edge in document.iter("edge"):
        graphics = Element("data", key="edgegraphics")
        edge.insert(0, graphics)
        line = SubElement(graphics, "y:PolyLineEdge")
        SubElement(line, "y:LineStyle", color=LINE, type="line", width="1.0")
        SubElement(line, "y:Arrows", source="none", target="standard")
        label = found.edges[edge.attrib["source"], edge.attrib["target"]]["label"]
        SubElement(line, "y:EdgeLabel", textColor=MUTED, fontSize="9").text = label


def _shape(around: Element, tag: str, node: dict[str, Any], **position: str) -> Element:
    """Add the rectangle of *node* to *around*, and return it; *position* is that of its label."""
    shape = SubElement(around, tag)
    width, height = node["width"], node["height"]
    corner = {"x": f"{node['x'] - width / 2:.1f}", "y": f"{node['y'] - height / 2:.1f}"}
    SubElement(shape, "y:Geometry", corner | {"width": str(width), "height": str(height)})
    SubElement(shape, "y:Fill", color=node["color"], transparent="false")
    SubElement(shape, "y:BorderStyle", color=node["border"], type="line", width="1.0")
    SubElement(shape, "y:NodeLabel", position | {"textColor": TEXT}).text = node["label"]
    return shape


def _nest(document: Element, found: nx.DiGraph[str]) -> None:
    """Move the nodes that are in a module into its node, as yEd has groups."""
    (root,) = document.iter("graph")
    nodes = {node.attrib["id"]: node for node in root.iter("node")}
    inside: dict[str, Element] = {"": root}
    edges = root.findall("edge")
    root[:] = root.findall("data")
    for name, node in found.nodes(data=True):
        parent = node.get("parent", "")
        if parent not in inside:
            nodes[parent].set("yfiles.foldertype", "group")
            inside[parent] = SubElement(nodes[parent], "graph", edgedefault="directed", id=f"{parent}:")
        inside[parent].append(nodes[name])
    root.extend(edges)


__all__ = ["render"]
