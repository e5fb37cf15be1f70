"""Activation memory: the bytes that an operator allocates for its results, on the example inputs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from ptgraph.tracing.fx_graph.alias_analysis import PERHAPS, memory_of
from ptgraph.tracing.fx_graph.node import example_of, example_size, nested_graphs
from ptgraph.tracing.torch_internals import pytree, schema_of

log = logging.getLogger(__name__)
_HAND_ON = {"aten::alpha_dropout", "aten::dropout", "aten::feature_alpha_dropout", "aten::feature_dropout"}


def activation_bytes(node: fx.Node, function: Callable[..., Any]) -> int:
    """Return the bytes of the tensors that *node* yields, except those in the memory of its arguments.

    Views and in-place operations yield nothing new, so they count 0. The rule, in this order: a result is no new
    memory if the traced values share one; if the operator's schema says that it is an argument, or a view of one;
    and, where the schema leaves it open (``reshape``, ``contiguous``, dropout in evaluation) or there is none, if
    *function* gives one on ``meta`` tensors of the same shapes and strides. A dynamic size is that of the example.
    """
    given = {memory_of(value) for value in _tensors([argument.meta.get("val") for argument in node.all_input_nodes])}
    results = _tensors(node.meta.get("val"))
    made = [memory_of(result) is None or memory_of(result) not in given for result in results]
    if any(made):
        made = [a and b for a, b in zip(made, _made(node, function, len(results)), strict=True)]
    return sum(_size(result) for result, new in zip(results, made, strict=True) if new)


def _made(node: fx.Node, function: Callable[..., Any], count: int) -> list[bool]:
    """Return for each result whether it is new, as far as the operator itself can tell; if nobody knows, it is."""
    schema = schema_of(node.target)
    if "writes" in node.meta or nested_graphs(node):  # recorded as it ran: the values tell all; or a branch or loop
        return [True] * count
    if schema is None or schema.name in PERHAPS | _HAND_ON:
        return _tried(node, function, count)
    new = [returned.alias_info is None for returned in schema.returns]
    return new if len(new) == count else [all(new)] * count  # a list of tensors is one in the schema


def _tried(node: fx.Node, function: Callable[..., Any], count: int) -> list[bool]:
    args, kwargs = pytree.tree_map(example_of, (node.args, node.kwargs))
    try:
        with torch.no_grad():
            results = _tensors(function(*args, **kwargs))
    except Exception:  # no meta kernel, or a value is needed
        log.debug("%s: its results count as new memory", function, exc_info=True)
        return [True] * count
    given = {memory_of(value) for value in _tensors((args, kwargs))}
    new = [memory_of(result) not in given for result in results]
    return new if len(new) == count else [True] * count


def _tensors(value: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _size(tensor: torch.Tensor) -> int:
    """Return the bytes of a tensor's elements; one that is sparse counts as if it were dense."""
    size = tensor.dtype.itemsize
    for length in tensor.shape:
        size *= example_size(length)
    return size


__all__ = ["activation_bytes"]
