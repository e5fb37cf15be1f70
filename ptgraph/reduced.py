"""A traced program as torch.onnx gets it: as small as it can be, however often a block repeats.

torch.onnx takes time for each node and each parameter, and more than in proportion. So runs that repeat a block one
after the other become one opaque node, and parameters that nothing reads then are left out.
"""

from __future__ import annotations

import operator
from collections.abc import Container
from typing import Any

from torch import fx
from torch.export import ExportedProgram, ExportGraphSignature

Feed = list[int | None]  # for each input of a run: which result of the run before it is, or None for its first input


def reduced(program: ExportedProgram, repeated: Container[fx.Node]) -> tuple[ExportedProgram, dict[fx.Node, Any]]:
    """Return *program*, smaller, and its chains: the first of several *repeated* nodes → (node, feed) of each other.

    The nodes of *program* are left as they are.
    """
    chains = _chains(program.graph, repeated)
    heads = {node: head for head, links in chains.items() for node, _ in links}
    last = {links[-1][0]: head for head, links in chains.items()}
    inner = {node for head, links in chains.items() for node in (head, *(n for n, _ in links))} - set(last)
    signature = program.graph_signature
    states = {spec.arg.name for spec in signature.input_specs if spec.kind.name in ("PARAMETER", "BUFFER")}
    unread = {n.name for n in program.graph.find_nodes(op="placeholder") if n.name in states and not n.users}
    if not unread and not chains:
        return program, {}
    nodes: dict[fx.Node, fx.Node] = {}
    graph = fx.Graph()
    for node in program.graph.nodes:
        if node in heads:
            nodes[node] = nodes[heads[node]]
        elif node.name not in unread and not (node.target is operator.getitem and node.args[0] in inner):
            nodes[node] = graph.node_copy(node, nodes.__getitem__)
    left_out = {spec.target for spec in signature.input_specs if spec.arg.name in unread}
    small = ExportedProgram(
        root=program.graph_module,
        graph=graph,
        graph_signature=ExportGraphSignature(
            [spec for spec in signature.input_specs if spec.arg.name not in unread], signature.output_specs
        ),
        state_dict={name: tensor for name, tensor in program.state_dict.items() if name not in left_out},
        range_constraints=program.range_constraints,
        module_call_graph=program.module_call_graph,
        example_inputs=program.example_inputs,
        constants=program.constants,
        verifiers=program.verifiers,
    )
    return small, chains


def _chains(graph: fx.Graph, repeated: Container[fx.Node]) -> dict[fx.Node, list[tuple[fx.Node, Feed]]]:
    chains: dict[fx.Node, list[tuple[fx.Node, Feed]]] = {}
    head: fx.Node | None = None
    before: fx.Node | None = None
    for node in graph.nodes:
        if node not in repeated:
            continue
        feed = _feed(head, before, node) if head is not None and before is not None else None
        if feed is None:
            head = node
        else:
            chains.setdefault(head, []).append((node, feed))  # type: ignore[arg-type]
        before = node
    return chains


def _feed(head: fx.Node, before: fx.Node, node: fx.Node) -> Feed | None:
    """Return how *node* is fed if it does what *head* does, from the results of *before* alone and the same rest."""
    if head.args[1:] != node.args[1:]:
        return None
    results: dict[Any, Any] = {part: part.args[1] for part in before.users}
    if any(part.target is not operator.getitem or set(part.users) - {node} for part in results):
        return None
    feed: Feed = []
    inputs: Any = zip(head.args[0], node.args[0], strict=True)  # type: ignore[arg-type]
    for first, own in inputs:
        if own in results:
            feed.append(results[own])
        elif own is first:
            feed.append(None)
        else:
            return None
    return feed


__all__ = ["Feed", "reduced"]
