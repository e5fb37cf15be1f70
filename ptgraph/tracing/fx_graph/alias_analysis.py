"""Alias analysis: which values of a torch.fx graph share memory, so that an in-place operation changes all of them."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx

from ptgraph.tracing.torch_internals import memory_key, pytree, schema_of

# They return their input or a copy of it, which only the memory of the traced values can tell.
PERHAPS = {"aten::contiguous", "aten::flatten", "aten::reshape", "aten::reshape_as", "aten::to", "aten::type_as"}


class Aliases:
    """Sets of nodes whose values share memory, filled as the nodes are read in order."""

    def __init__(self) -> None:
        self._families: dict[fx.Node, list[fx.Node]] = {}
        self._memory: dict[int, fx.Node] = {}

    def add(self, node: fx.Node) -> None:
        """Note *node*, and which of its arguments it is a view of."""
        if (memory := memory_of(node.meta.get("val"))) is not None:
            self.join(node, self._memory.setdefault(memory, node))
        for argument in _viewed(node):
            self.join(node, argument)

    def join(self, one: fx.Node, other: fx.Node) -> None:
        """Note that two nodes share memory."""
        family, joined = self.of(one), self.of(other)
        if family is not joined:
            family += joined
            self._families.update(dict.fromkeys(joined, family))

    def of(self, node: fx.Node) -> list[fx.Node]:
        """Return the nodes that share memory with *node*, and itself."""
        return self._families.setdefault(node, [node])

    def changed(self, node: fx.Node) -> list[fx.Node]:
        """Return the nodes whose values *node* changes in place."""
        return [other for argument in _written(node) for other in self.of(argument) if other is not node]


def memory_of(tensor: Any) -> int | None:
    """Return a key that all views of one memory share, or None for a tensor without a storage."""
    if not isinstance(tensor, torch.Tensor):
        return None
    try:
        return memory_key(tensor)
    except (NotImplementedError, RuntimeError):  # sparse, or a class of its own
        return None


def _viewed(node: fx.Node) -> Iterator[fx.Node]:
    """Yield the arguments that *node* is a view of; one of several results is a view of what they all are."""
    if node.target is operator.getitem and isinstance(node.args[0], fx.Node):
        yield from _viewed(node.args[0])
        return
    schema = schema_of(node.target)
    if schema is not None and schema.name not in PERHAPS and any(r.alias_info for r in schema.returns):
        yield from _arguments(node, lambda argument: argument.alias_info is not None)


def _written(node: fx.Node) -> Iterator[fx.Node]:
    """Yield the arguments that *node* changes: the recorder says it, or the schema, or a method's name."""
    if "writes" in node.meta:
        yield from node.meta["writes"]
    elif node.op == "call_method" and _in_place(str(node.target)):
        yield from (a for a in node.args[:1] if isinstance(a, fx.Node))
    else:
        yield from _arguments(node, lambda argument: argument.alias_info is not None and argument.alias_info.is_write)


def _arguments(node: fx.Node, wanted: Any) -> Iterator[fx.Node]:
    schema = schema_of(node.target)
    for index, argument in enumerate(schema.arguments if schema is not None else ()):
        if wanted(argument):
            value = node.args[index] if index < len(node.args) else node.kwargs.get(argument.name)
            yield from (leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, fx.Node))


def _in_place(method: str) -> bool:
    return method.endswith("_") and not method.endswith("__")


__all__ = ["PERHAPS", "Aliases", "memory_of"]
