"""ModelGraph → view: boxes in boxes, with blocks that repeat folded to one ×N, and shared values as stubs.

The view is the same for every picture; each then decides how deep it opens. The graph itself is not changed,
and keeps every operation and edge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial

import networkx as nx

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.auxiliary import auxiliary_operations, first_steps
from ptgraph.graph.view.block_labels import LooseLabels, block_labels
from ptgraph.graph.view.box_ids import call_id
from ptgraph.graph.view.boxes import boxes
from ptgraph.graph.view.constant_values import constant_values
from ptgraph.graph.view.flow import drawn_flow, no_ops
from ptgraph.graph.view.folding import fold
from ptgraph.graph.view.model import Box, Link, View
from ptgraph.graph.view.nesting import nested
from ptgraph.graph.view.operation_labels import operation_labels, reads_weights
from ptgraph.graph.view.patterns import Patterns
from ptgraph.graph.view.sums import sums, zeros

SHARED_PLACES = 4  # a value read in this many modules or more is drawn as a stub at all but the first


_kept: ContextVar[dict[tuple[int, bool], tuple[ModelGraph, View]] | None] = ContextVar("views that are kept")


@contextmanager
def views_kept() -> Iterator[None]:
    """Make the view of each graph once meanwhile. Graphs must not be changed until the context ends."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def view(graph: ModelGraph, *, patterns: bool = True) -> View:
    """Return the view of *graph*; without *patterns*, only equal blocks in a row are folded."""
    kept = _kept.get(None)
    if kept is None:
        return _view(graph, patterns)
    key = id(graph), patterns
    if key not in kept:
        kept[key] = graph, _view(graph, patterns)  # with the graph, so that no other one gets its id
    return kept[key][1]


def _view(graph: ModelGraph, patterns: bool) -> View:
    auxiliary = auxiliary_operations(graph)
    same = no_ops(graph)
    operations = operation_labels(graph, same) if patterns else {}
    first = first_steps(graph, auxiliary, operations)
    flow = drawn_flow(graph, auxiliary, same, first)
    nesting = nested(graph, flow, auxiliary, first)
    if patterns:
        labels = operations | block_labels(graph, nesting.parts, flow, operations)
        constants = constant_values(graph, auxiliary, operations)
        patterns_known = _patterns(graph, nesting.parts, flow, operations, constants)
        folded = fold("/", nesting.parts, flow, labels, patterns_known)
    else:
        folded = fold("/", nesting.parts, flow, {call_id(call): block for call, block in graph.blocks.items()})
    found = boxes(graph, nesting, folded)
    leaf = {box.op: box.id for box in found.values() if box.op is not None}
    for name, carried in folded.carries.items():
        carries = tuple(c._replace(source=leaf[c.source], target=leaf[c.target]) for c in carried)
        found[name] = replace(found[name], carries=carries)
    stands = {name: (leaf[last], numbers) for name, (last, numbers) in folded.stands.items()}
    return View(found, _links(flow, found, leaf), stands)


def _patterns(
    graph: ModelGraph,
    parts: dict[str, list[str]],
    flow: nx.DiGraph[str],
    operations: dict[str, Hashable],
    constants: dict[str, str],
) -> Patterns:
    components = graph.components.nodes
    return Patterns(
        weighted=partial(reads_weights, graph),
        modules={
            box: call.component
            for name, call in graph.calls.items()
            if (box := call_id(name)) in parts and components[call.component]["total_params"]
        },
        loose=LooseLabels(graph, parts, flow, operations),
        sums=sums(graph),
        zeros=zeros(graph),
        outputs=set(graph.of_kind("output")),
        constants=constants,
    )


def _links(flow: nx.DiGraph[str], boxes: dict[str, Box], leaf: dict[str, str]) -> tuple[Link, ...]:
    """Return the edges of *flow* between boxes without parts; *leaf* is the box of each operation."""
    order = {boxes[name].op: index for index, name in enumerate(boxes)}
    edges = sorted(flow.edges(data=True), key=lambda edge: (order[edge[1]], edge[2]["slots"]))
    links = [
        Link(leaf[source], leaf[target], edge["label"], tuple(edge["slots"]))
        for source, target, edge in edges
        if leaf[source] != leaf[target]
    ]
    parents: dict[str, set[str | None]] = defaultdict(set)
    for link in links:
        parents[link.source].add(boxes[link.target].parent)
    shared = {source for source, reading in parents.items() if len(reading) >= SHARED_PLACES}
    firsts = {link.source: link for link in reversed(links)}  # the first reader of a value has a line to it
    return tuple(replace(link, shared=link.source in shared and link is not firsts[link.source]) for link in links)


__all__ = ["SHARED_PLACES", "view", "views_kept"]
