"""Writes docs/packages.svg: which package of ptgraph imports which, drawn by ptgraph. ``make docs`` runs it.

An arrow leads from a package to one that imports it. Those that follow from others are left out.
"""

from __future__ import annotations

from pathlib import Path

import grimp
import networkx as nx

from ptgraph.drawing.svg import write
from ptgraph.figure.compose import figure
from ptgraph.figure.options import FigureOptions
from ptgraph.graph.model import RECORDED, Call, ClassInfo, Component, ModelGraph, Op
from ptgraph.graph.serialize import attributes

FILE = Path(__file__).resolve().parents[1] / "docs" / "packages.svg"
SPLIT = {  # packages that are shown by their parts
    "ptgraph.graph": ("view",),
    "ptgraph.onnx": ("metadata", "options", "reading", "verifying", "writing"),
}


def imports() -> nx.DiGraph[str]:
    """Return the packages of ptgraph, with an edge from each to those that import it and need it directly."""
    modules = grimp.build_graph("ptgraph", exclude_type_checking_imports=True, cache_dir=None)
    found: nx.DiGraph[str] = nx.DiGraph()
    for module in sorted(modules.modules):
        for imported in sorted(modules.find_modules_directly_imported_by(module)):
            source, target = _package(imported), _package(module)
            if source and target and source != target:
                found.add_edge(source, target)
    return nx.transitive_reduction(found)


def _package(module: str) -> str:
    """Return the package that *module* is shown as, without ``ptgraph.``; the empty string for the root."""
    steps = module.split(".")
    if len(steps) < 2 or steps[1] in ("__main__", "models"):
        return ""
    above = ".".join(steps[:2])
    own = above in SPLIT and len(steps) > 2 and steps[2] in SPLIT[above]
    return ".".join(steps[1:3] if own else steps[1:2])


def graph_of(packages: nx.DiGraph[str]) -> ModelGraph:
    """Return the packages as a graph that figures draw: each is a stage, which its imports feed."""
    ops: nx.DiGraph[str] = nx.DiGraph()
    tree: nx.DiGraph[str] = nx.DiGraph()
    calls = {"": Call("", None)}
    tree.add_node("", **attributes(Component("", "ptgraph", "Core architecture")))
    for name in nx.lexicographical_topological_sort(packages):
        path = name.replace(".", "/")
        tree.add_node(path, **attributes(Component(path, "package", "Layers & blocks", calls=1)))
        tree.add_edge("", path)
        calls[path] = Call(path, "")
        ops.add_node(name, **attributes(Op("op", name, scope=path, call=path, shape=())))
    for name in [name for name in packages if not packages.in_degree(name)]:
        given = f"input of {name}"  # without any, it would be a constant, and not be drawn
        ops.add_node(given, **attributes(Op("input", given)))
        ops.add_edge(given, name, slots=[0], outputs=[0], shape=None, dtype=None)
    for source, target in packages.edges:
        ops.add_edge(source, target, slots=[0], outputs=[0], shape=(), dtype=None)
    classes = {"ptgraph": ClassInfo("ptgraph", ""), "package": ClassInfo("package", "")}
    return ModelGraph("ptgraph", ops, tree, calls, (), classes, RECORDED)


def svg() -> str:
    """Return the map as SVG."""
    return write(figure(graph_of(imports()), FigureOptions(theme="screen", show=())), "packages")


if __name__ == "__main__":
    FILE.write_text(svg(), encoding="utf-8")
