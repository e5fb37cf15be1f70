"""Labels of blocks: the calls of modules that a picture shows alike have equal ones.

Block ids (`ptgraph.graph.block_ids`) tell apart what no picture shows: a value that nobody reads, a cast that changes
nothing. Where siblings of one class have several block ids, they are labelled by what is drawn of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from functools import cached_property

import networkx as nx

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.box_ids import call_id
from ptgraph.graph.view.operation_labels import loosely, part_taken


def block_labels(
    graph: ModelGraph, parts: dict[str, list[str]], flow: nx.DiGraph[str], operations: dict[str, Hashable]
) -> dict[str, Hashable]:
    """Return a label for each box of a call; it tells siblings apart, which are *parts* of one box.

    *flow* are the edges between the operations that are drawn, and *operations* has their labels.
    """
    calls = {call_id(call): call for call in graph.calls}
    found: dict[str, Hashable] = {box: graph.blocks[call] for box, call in calls.items() if call in graph.blocks}
    outlines = _Outlines(graph, parts, flow, operations, calls)
    for inside in parts.values():
        siblings: dict[Hashable, list[str]] = defaultdict(list)
        for part in inside:
            if part in parts and part in calls:
                of = graph.components.nodes[graph.calls[calls[part]].component]
                siblings[of["type"], of["total_params"], of["shape"]].append(part)
        for alike in siblings.values():
            if len({found.get(part) for part in alike}) > 1:
                found |= {part: outlines.label(part) for part in alike}
    return found


class LooseLabels:
    """Labels of boxes and operations, equal for those that are alike but for the sizes of the values that they read."""

    def __init__(
        self, graph: ModelGraph, parts: dict[str, list[str]], flow: nx.DiGraph[str], operations: dict[str, Hashable]
    ) -> None:
        self._given = graph, parts, flow, operations
        self._known: dict[str, Hashable] = {}

    @cached_property
    def _outlines(self) -> _Outlines:
        graph, parts, flow, operations = self._given
        loose = {name: loosely(label) for name, label in operations.items()}
        return _Outlines(graph, parts, flow, loose, {call_id(call): call for call in graph.calls})

    def __call__(self, part: str) -> Hashable:
        """Return the label of a box or operation; None for an input, an output and a group."""
        if part not in self._outlines.parts:
            return self._outlines.operations.get(part)
        if part not in self._outlines.calls:
            return None
        if part not in self._known:
            self._known[part] = self._outlines.label(part)
        return self._known[part]


class _Outlines:
    """What is drawn of each module call."""

    def __init__(
        self,
        graph: ModelGraph,
        parts: dict[str, list[str]],
        flow: nx.DiGraph[str],
        operations: dict[str, Hashable],
        calls: dict[str, str],
    ) -> None:
        self.graph = graph
        self.parts = parts
        self.flow = flow
        self.operations = operations
        self.calls = calls

    def type_of(self, box: str) -> str:
        """Return the class of a module, by its call's box."""
        kind: str = self.graph.components.nodes[self.graph.calls[self.calls[box]].component]["type"]
        return kind

    def label(self, box: str) -> Hashable:
        """Return the parts of a call with their names and labels, and the edges between its operations."""
        leaves: dict[str, int] = {}
        inside = self._outline(box, leaves)
        edges = {
            (number, leaves[source], tuple(edge["slots"]))
            for leaf, number in leaves.items()
            for source, edge in self.flow.pred[leaf].items()
            if source in leaves
        }
        return inside, frozenset(edges)

    def _outline(self, box: str, leaves: dict[str, int]) -> Hashable:
        found: list[Hashable] = [self.type_of(box) if box in self.calls else ""]
        path = self.graph.calls[self.calls[box]].component if box in self.calls else ""
        for part in self.parts[box]:
            if part in self.parts:
                inner = self.graph.calls[self.calls[part]].component if part in self.calls else ""
                found.append((inner.removeprefix(path), self._outline(part, leaves)))
            else:
                leaves[part] = len(leaves)
                found.append((self.operations.get(part, part), part_taken(self.graph, part)))
        return tuple(found)


__all__ = ["LooseLabels", "block_labels"]
