"""Local functions for modules: a flat ONNX graph becomes one of calls, and modules that do the same share a function.

A module call with more than one node becomes a call of a function, nested as the model is. Two module calls share a
function if their nodes are equal one by one (operators, attributes, wiring, shapes and types), and so are the names
that their parameters and submodules have within them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import onnx_ir as ir

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.traversal import chains
from ptgraph.onnx.writing.provenance import NodeOrigin, origin_of, set_origin
from ptgraph.onnx.writing.subgraphs import bodies, inner_nodes, reads

_CALL = "ptgraph call"  # of `ir.Node.meta`
LARGEST = 1024  # elements of a constant that stands inside a function; a larger one is given to it


@dataclass
class Form:
    """A function to be: the nodes of its first module call, its inputs and outputs, and the nodes that call it."""

    type: str
    nodes: list[ir.Node]
    inputs: list[ir.Value]
    outputs: list[ir.Value]
    calls: list[ir.Node] = field(default_factory=list)

    @property
    def module_calls(self) -> list[str]:
        """The keys of the module calls that it stands for."""
        return [origin_of(node).call for node in self.calls]


def outline(model: ir.Model, graph: ModelGraph, weights: Iterable[str]) -> list[Form]:
    """Move the nodes of modules out of the main graph, in place; return the functions to be, innermost first.

    The main graph holds calls then; a form's nodes belong to no graph yet.
    """
    nodes = list(model.graph)
    work = _Outline(graph, set(weights), {inner: node for node in nodes for inner in inner_nodes(node)})
    order = work.level(_tree(nodes, chains(graph.calls), 1))
    model.graph.remove(node for node in nodes if node.graph is model.graph)
    model.graph.extend(order)
    return work.forms


def is_call(node: ir.Node) -> bool:
    """Return whether *node* calls a function that `outline` made."""
    return _CALL in node.meta


@dataclass
class _Group:
    """The nodes of one module call, and the module calls in it."""

    call: str
    items: list[ir.Node | _Group]

    def nodes(self) -> Iterator[ir.Node]:
        for item in self.items:
            if isinstance(item, _Group):
                yield from item.nodes()
            else:
                yield item


def _tree(nodes: list[ir.Node], above: dict[str, list[str]], depth: int) -> list[ir.Node | _Group]:
    """Return *nodes* in groups by the module call that they are in at *depth*; one of a single node is that node."""
    inside: dict[str, list[ir.Node]] = defaultdict(list)
    for node in nodes:
        calls = above[origin_of(node).call]
        if len(calls) > depth:
            inside[calls[depth]].append(node)
    items: list[ir.Node | _Group] = []
    for node in nodes:
        calls = above[origin_of(node).call]
        key = calls[depth] if len(calls) > depth else ""
        if not key or len(inside[key]) == 1:
            items.append(node)
        elif inside[key][0] is node:
            items.append(_Group(key, _tree(inside[key], above, depth + 1)))
    return items


@dataclass
class _Outline:
    """The functions so far. ``holders`` maps a node in a body to the node of the main graph that has the body,
    ``known`` what is equal for module calls that share a form to that, ``numbers`` the ids of forms to their numbers.
    """

    graph: ModelGraph
    weights: set[str]
    holders: dict[ir.Node, ir.Node]
    forms: list[Form] = field(default_factory=list)
    known: dict[Any, Form] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    form_of: dict[ir.Node, Form] = field(default_factory=dict)

    def level(self, items: list[ir.Node | _Group]) -> list[ir.Node]:
        """Return the nodes of one level, in topological order, with a call for each group."""
        return [self.call(item) if isinstance(item, _Group) else item for item in _ordered(items)]

    def call(self, group: _Group) -> ir.Node:
        """Make the nodes of *group* the body of a function, and return the call of it that replaces them."""
        everything = set(group.nodes())
        nodes = self.level(group.items)
        inside = set(nodes)
        made = {output for node in nodes for output in node.outputs}
        read = list(dict.fromkeys(v for node in nodes for v in reads(node) if v not in made))
        given = [v for v in read if not self._is_constant(v)]
        given.sort(key=lambda v: (v.name in self.weights) and v.is_initializer())
        outputs = [
            output
            for node in nodes
            for output in node.outputs
            if output.is_graph_output() or any(self._outer(use.node) not in inside for use in output.uses())
        ]
        key = self._key(group.call, nodes, given, outputs)
        form = self.known.get(key)
        call = ir.Node("", "", given, num_outputs=len(outputs))
        call.meta[_CALL] = True
        set_origin(call, NodeOrigin(group.call, None))
        for output, result in zip(outputs, call.outputs, strict=True):
            result.shape, result.type = output.shape, output.type
            self._replace_outside(output, result, inside)
        for node in everything:
            if node.graph is not None:
                node.graph.remove(node)
        if form is None:
            form = self._form(group.call, nodes, given, outputs)
            self.known[key] = form
            self.numbers[id(form)] = len(self.forms)
            self.forms.append(form)
        else:
            for node in nodes:
                for reader in (node, *inner_nodes(node)):  # it is gone, and reads nothing any more
                    for index in range(len(reader.inputs)):
                        reader.replace_input_with(index, None)
        form.calls.append(call)
        self.form_of[call] = form
        return call

    def _form(self, call: str, nodes: list[ir.Node], given: list[ir.Value], outputs: list[ir.Value]) -> Form:
        """Return the form that *nodes* are the first of: they read formal inputs now, and constants of their own."""
        scope = self.graph.calls[call].component
        formal = {
            value: ir.Value(
                name=self._relative(value, scope) if value.name in self.weights else "x",
                shape=value.shape,
                type=value.type,
            )
            for value in given
        }
        body: list[ir.Node] = []
        for node in nodes:
            for reader in (node, *inner_nodes(node)):
                for index, value in enumerate(reader.inputs):
                    if value in formal:
                        reader.replace_input_with(index, formal[value])
                    elif value is not None and self._is_constant(value):  # each its own, so that it shows on the node
                        body.append(_constant_node(value, node))
                        reader.replace_input_with(index, body[-1].outputs[0])
            body.append(node)
        for value in outputs:
            value.name = "y"
        return Form(self.graph.components.nodes[scope]["type"], body, list(formal.values()), outputs)

    def _outer(self, node: ir.Node) -> ir.Node:
        """Return the node of the main graph, or of a function, in which *node* is a part of a branch or loop."""
        return self.holders.get(node, node)

    def _replace_outside(self, output: ir.Value, result: ir.Value, inside: set[ir.Node]) -> None:
        for use in list(output.uses()):
            if self._outer(use.node) not in inside:
                use.node.replace_input_with(use.idx, result)
        if output.is_graph_output() and output.graph is not None:
            outputs = output.graph.outputs
            for index, value in enumerate(list(outputs)):
                if value is output:
                    outputs[index] = result

    def _is_constant(self, value: ir.Value) -> bool:
        return value.is_initializer() and value.const_value is not None and value.const_value.size <= LARGEST

    def _relative(self, value: ir.Value, scope: str) -> str:
        return (value.name or "").removeprefix(f"{scope}.")

    def _key(self, call: str, nodes: list[ir.Node], given: list[ir.Value], outputs: list[ir.Value]) -> Any:
        """Return what is equal for two module calls that can share a function."""
        scope = self.graph.calls[call].component
        numbers: dict[ir.Value | None, Any] = {None: None}
        lines: list[Any] = [self.graph.components.nodes[scope]["type"]]
        for index, value in enumerate(given):
            own = value.name in self.weights and (value.name or "").startswith(scope + ".")
            numbers[value] = index
            lines.append((self._relative(value, scope) if own else value.name in self.weights, *_type(value)))

        def add(node: ir.Node) -> None:
            origin = origin_of(node)
            path = self.graph.calls[origin.call].component
            form = self.form_of.get(node)
            called = self.numbers[id(form)] if form is not None else (node.domain, node.op_type)
            given = [numbers.get(v, self._constant(v)) if v is not None else None for v in node.inputs]
            attributes = sorted(f"{name}={_attribute(a)}" for name, a in node.attributes.items())
            for output in node.outputs:
                numbers[output] = len(numbers)
            held = bodies(node)
            for value in (value for body in held for value in body.inputs):
                numbers[value] = len(numbers)
            lines.append((called, path[len(scope) :], tuple(attributes), tuple(given), *map(_type, node.outputs)))
            for body in held:
                for inner in body:
                    add(inner)
                lines.append(tuple(numbers.get(v, self._constant(v)) for v in body.outputs))

        for node in nodes:
            add(node)
        return (*lines, tuple(numbers[value] for value in outputs))

    def _constant(self, value: ir.Value | None) -> Any:
        if value is None or value.const_value is None:
            return value
        return (value.const_value.tobytes(), *_type(value))


def _constant_node(value: ir.Value, reader: ir.Node) -> ir.Node:
    """Return a node that yields a constant, in the module call of *reader*."""
    assert value.const_value is not None
    value.const_value.name = None
    node = ir.Node("", "Constant", [], [ir.AttrTensor("value", value.const_value)])
    set_origin(node, NodeOrigin(origin_of(reader).call, None))
    node.outputs[0].shape, node.outputs[0].type = value.shape, value.type
    return node


def _type(value: ir.Value) -> tuple[str, str]:
    return str(value.shape), str(value.type)


def _attribute(attribute: ir.Attr) -> str:
    if attribute.type == ir.AttributeType.GRAPH:
        return ""
    if attribute.type == ir.AttributeType.TENSOR:
        return str(attribute.as_tensor().tobytes())
    return str(attribute.value)


def _ordered(items: list[ir.Node | _Group]) -> list[ir.Node | _Group]:
    """Return *items* in an order in which each follows what it reads, as near to the given one as that allows.

    A group that cannot stand in one place, since it reads what only its own results lead to, is taken apart.
    """
    while True:
        parts = [list(item.nodes()) if isinstance(item, _Group) else [item] for item in items]
        maker = {output: index for index, nodes in enumerate(parts) for node in nodes for output in node.outputs}
        needs: nx.DiGraph[int] = nx.DiGraph()
        needs.add_nodes_from(range(len(items)))
        reading = ((index, v) for index, nodes in enumerate(parts) for node in nodes for v in reads(node))
        needs.add_edges_from((maker[v], index) for index, v in reading if maker.get(v, index) != index)
        ordered: list[int] = []
        try:
            for index in nx.lexicographical_topological_sort(needs):
                ordered.append(index)
            return [items[index] for index in ordered]
        except nx.NetworkXUnfeasible:
            stuck = min(index for index in {*needs}.difference(ordered) if isinstance(items[index], _Group))
        group = items[stuck]
        assert isinstance(group, _Group)
        items = [*items[:stuck], *group.items, *items[stuck + 1 :]]


__all__ = ["Form", "is_call", "outline"]
