"""What must be true of every figure: each input that is read and each value between its boxes is drawn, or named."""

from __future__ import annotations

import networkx as nx

from ptgraph.drawing.shapes import Drawing
from ptgraph.graph.model import ModelGraph
from tests.support.figure_checks import of_kind

_HELD = ("parameter", "buffer", "constant", "input", "output")


def torn(graph: ModelGraph, drawing: Drawing) -> list[str]:
    """Return what a figure of all of *graph* leaves out, a sentence each.

    An input that an operation reads is a box with a line that leaves it, or the name of a stub. A box that reads a
    value which depends on an input has a line or a stub that comes in; one whose value is read outside of it, a line
    that leaves.
    """
    ops = graph.ops
    inputs = graph.of_kind("input")
    alive = set(inputs).union(*(nx.descendants(ops, name) for name in inputs))
    boxes = [item.id for item in of_kind(drawing, "box", "sign")]
    lines = [item.id.split("→") for item in of_kind(drawing, "edge")]
    stubs = [item.title.rpartition(", read by ")[::2] for item in of_kind(drawing, "stub")]
    entered = {target for _, target in lines} | {reader for _, reader in stubs}
    left = {source for source, _ in lines}
    named = {text for text, _ in stubs}
    found = []
    for name in inputs:
        if any(reader in alive for reader in ops.successors(name)) and ops.nodes[name]["target"] not in named:
            if name not in boxes:
                found.append(f"input {name} is not drawn")
            elif name not in left:
                found.append(f"no line leaves input {name}")
    members = _members(graph)
    for box in boxes:
        inside = members.get(box, {box} if box in ops else set())
        reads = {s for one in inside for s in ops.predecessors(one) if s not in inside and s in alive}
        gives = {one for one in inside if one in alive and any(r not in inside for r in ops.successors(one))}
        kind = ops.nodes[box]["kind"] if box in ops else ""
        if reads and box not in entered:
            found.append(f"nothing comes into {box}, which reads {sorted(reads)[:3]}")
        if gives and box not in left and kind != "input":
            found.append(f"nothing leaves {box}, which gives {sorted(gives)[:3]}")
    return found


def _members(graph: ModelGraph) -> dict[str, set[str]]:
    """Return the operations in each run of a module."""
    found: dict[str, set[str]] = {call or "model": set() for call in graph.calls}
    for name, op in graph.ops.nodes(data=True):
        call = op["call"] if op["kind"] not in _HELD else None
        while call is not None:
            found[call or "model"].add(name)
            call = graph.calls[call].parent
    return found


__all__ = ["torn"]
