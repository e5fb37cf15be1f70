"""Limits of what is read: a small file may stand for a graph that no memory holds, or name modules without end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import onnx
from onnx import AttributeProto

from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.common.messages import quoted
from ptgraph.errors import LoadError
from ptgraph.onnx.reading.flat_graph import Contradiction


class BeyondLimits(LoadError):
    """A file stands for more than can be read; its text says what, and the limit."""


Key = tuple[str, str, str]  # domain, name and overload of a function


def check_limits(model: onnx.ModelProto) -> None:
    """Raise BeyondLimits if *model* has more nodes, or nests functions or names deeper, than can be read.

    Raises Contradiction if a function calls itself.
    """
    functions = {(f.domain, f.name, f.overload): f.node for f in model.functions}
    whole = _sizes(model.graph.node, functions)
    if whole.nodes > limit("nodes"):
        raise BeyondLimits(
            f"with its functions written out it has {_number(whole.nodes)} nodes, "
            f"and ptgraph reads at most {limit_text('nodes')}; {remedy('nodes')}"
        )
    if whole.depth > limit("nesting"):
        raise BeyondLimits(
            f"functions and branches are nested {whole.depth:,} deep, "
            f"and ptgraph reads at most {limit_text('nesting')}; {remedy('nesting')}"
        )
    for name in _names(model):
        parts = name.count("/") + name.count(".") + 1
        if parts > limit("parts"):
            said = f"ptgraph reads at most {limit_text('parts')}; {remedy('parts')}"
            raise BeyondLimits(f"the name {quoted(name)} has {parts:,} parts, and {said}")


def _number(count: int) -> str:
    return f"{count:,}" if count < 10**15 else f"about 10^{len(str(count)) - 1}"


@dataclass
class _Size:
    """Of a list of nodes: how many they are with those in their bodies, how deep they are nested, and the functions
    that they call, each with the depth at which it is called."""

    nodes: int = 0
    depth: int = 0
    calls: list[tuple[Key, int]] = field(default_factory=list)


def _own_size(nodes: Iterable[onnx.NodeProto], functions: dict[Key, Any], depth: int, found: _Size) -> _Size:
    for node in nodes:
        found.nodes += 1
        key = (node.domain, node.op_type, node.overload)
        if key in functions:
            found.calls.append((key, depth))
            continue
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                _own_size(attribute.g.node, functions, depth + 1, found)
    found.depth = max(found.depth, depth)
    return found


def _sizes(nodes: Iterable[onnx.NodeProto], functions: dict[Key, Any]) -> _Size:
    """Return the size of *nodes* with all functions written out. Raises Contradiction if a function calls itself."""
    whole: dict[Key, _Size] = {}
    root = _own_size(nodes, functions, 0, _Size())
    open_: dict[Key, _Size] = {}
    todo = [key for key, _ in root.calls]
    while todo:
        key = todo[-1]
        if key in whole:
            todo.pop()
        elif key in open_:
            whole[key] = _with_calls(open_.pop(key), whole)
            todo.pop()
        else:
            open_[key] = _own_size(functions[key], functions, 0, _Size())
            inner = [call for call, _ in open_[key].calls if call not in whole]
            if again := next((call for call in inner if call in open_), None):
                raise Contradiction(f"the function {again[1]} calls itself, which ONNX does not allow")
            todo += inner
    return _with_calls(root, whole)


def _with_calls(own: _Size, whole: dict[Key, _Size]) -> _Size:
    nodes = own.nodes + sum(whole[key].nodes for key, _ in own.calls)
    depth = max([own.depth, *(at + 1 + whole[key].depth for key, at in own.calls)])
    return _Size(nodes, depth)


def _names(model: onnx.ModelProto) -> Iterator[str]:
    yield from (tensor.name for tensor in model.graph.initializer)
    yield from (tensor.values.name for tensor in model.graph.sparse_initializer)
    for nodes in (model.graph.node, *(function.node for function in model.functions)):
        yield from _names_of(nodes)


def _names_of(nodes: Iterable[onnx.NodeProto]) -> Iterator[str]:
    for node in nodes:
        yield node.name
        yield from node.output
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from (tensor.name for tensor in attribute.g.initializer)
                yield from _names_of(attribute.g.node)


__all__ = ["BeyondLimits", "check_limits"]
