"""The traced program as torch.onnx gets it: as small as it can be, with plain names.

torch.onnx takes time for each node and each parameter, and more than in proportion. So calls that repeat a block one
after the other become one opaque node, and parameters that nothing reads then are left out. So are outputs that are
no tensors (None, numbers, texts), and checks, which ONNX does not know. Every other node keeps its
name, by which the signature of a program knows it. What a model calls its parameters, buffers and constants would
become Python source on the way, and the names of some would be those of its arguments; they get numbers instead.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from torch import fx
from torch.export import ExportedProgram, ExportGraphSignature, ModuleCallEntry
from torch.export.graph_signature import ConstantArgument, OutputKind, OutputSpec

from ptgraph.tracing.torch_internals import CHECKS, pytree

Feed = list[int | None]  # for each input of a call: which result of the call before it is, or None for its first input
_STATES = ("PARAMETER", "BUFFER", "CONSTANT_TENSOR")


class Reduced(NamedTuple):
    """A program, smaller; its chains: the first of several repeated nodes → (node, feed) of each other; and its names:
    what it calls a parameter, buffer or constant → what the model calls it.
    """

    program: ExportedProgram
    chains: dict[fx.Node, list[tuple[fx.Node, Feed]]]
    names: dict[str, str]


def reduced(program: ExportedProgram, repeated: Container[fx.Node]) -> Reduced:
    """Return *program*, smaller, of which the nodes in *repeated* repeat others. Its own nodes are left as they are."""
    chains = _chains(program.graph, repeated)
    heads = {node: head for head, links in chains.items() for node, _ in links}
    last = {links[-1][0]: head for head, links in chains.items()}
    inner = {node for head, links in chains.items() for node in (head, *(n for n, _ in links))} - set(last)
    signature = program.graph_signature
    written = {spec.target for spec in signature.output_specs}
    states = {
        spec.arg.name
        for spec in signature.input_specs
        if spec.kind.name in ("PARAMETER", "BUFFER") and spec.target not in written
    }
    unread = {n.name for n in program.graph.find_nodes(op="placeholder") if n.name in states and not n.users}
    gives = [not isinstance(spec.arg, ConstantArgument) for spec in signature.output_specs]
    nodes: dict[fx.Node, fx.Node] = {}
    graph = fx.Graph()
    for node in program.graph.nodes:
        if node in heads:
            nodes[node] = nodes[heads[node]]
        elif CHECKS.search(str(node.target)) and not node.users:
            continue  # torch may find that it does not hold, when it traces the program again
        elif node.name not in unread and not (node.target is operator.getitem and node.args[0] in inner):
            nodes[node] = graph.node_copy(node, nodes.__getitem__)
            nodes[node].name = node.name  # the copy of one called "input" or "type" gets a number otherwise
    (output,) = (node for node in graph.nodes if node.op == "output")
    results: Any = output.args[0]
    output.args = (tuple(itertools.compress(results, gives)),)
    kept = [spec for spec in signature.input_specs if spec.arg.name not in unread]
    numbers = {
        spec.target: f"state {number}"  # no argument can be called so
        for number, spec in enumerate(kept)
        if spec.kind.name in _STATES and spec.target is not None
    }
    small = ExportedProgram(
        root=program.graph_module,
        graph=graph,
        graph_signature=ExportGraphSignature(
            [replace(spec, target=numbers[spec.target]) if spec.kind.name in _STATES else spec for spec in kept],
            [
                spec if spec.kind.name == "USER_INPUT_MUTATION" else replace(spec, target=numbers.get(spec.target))
                for spec, keep in zip(signature.output_specs, gives, strict=True)
                if keep
            ],
        ),
        state_dict={numbers[name]: tensor for name, tensor in program.state_dict.items() if name in numbers},
        range_constraints=program.range_constraints,
        module_call_graph=[_root(program, signature.output_specs)],  # torch.onnx keeps no other
        example_inputs=program.example_inputs,
        constants={numbers.get(name, name): value for name, value in program.constants.items()},
        verifiers=program.verifiers,
    )
    return Reduced(small, chains, {number: name for name, number in numbers.items()})


def _root(program: ExportedProgram, outputs: Sequence[OutputSpec]) -> ModuleCallEntry:
    """Return what *program* says of its call, with the results as they are without those that are no tensors."""
    root: ModuleCallEntry = program.module_call_graph[0]
    given = [spec for spec in outputs if spec.kind == OutputKind.USER_OUTPUT]
    left = tuple(spec.arg.name for spec in given if not isinstance(spec.arg, ConstantArgument))
    if len(left) == len(given) or root.signature is None:
        return root
    return replace(root, signature=replace(root.signature, out_spec=pytree.tree_structure(left)))


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


__all__ = ["Feed", "Reduced", "reduced"]
