"""FLOPs of an operator, by torch's own counter on ``meta`` tensors of the traced shapes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import fx
from torch.utils.flop_counter import FlopCounterMode

from ptgraph.tracing.fx_graph.node import example_of, nested_graphs
from ptgraph.tracing.torch_internals import pytree

log = logging.getLogger(__name__)


class FlopCounter:
    """Counts what a node does by running its operator once on ``meta``; equal nodes are run once.

    An operator that cannot run on ``meta`` (its result depends on data) has no formula in torch and counts 0.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._alive: list[Callable[..., Any]] = []  # an id names a function only while the function lives

    def count(self, node: fx.Node, function: Callable[..., Any]) -> int:
        """Return the FLOPs of ``function`` on the arguments of *node*, where fx nodes stand for their values.

        Of the branches of a condition the one with the most FLOPs counts. The body of a ``scan`` or ``map`` counts
        once for each step, that of any other loop once.
        """
        bodies = [self._of_graph(graph) for graph in nested_graphs(node)]
        if bodies:
            return max(bodies) if str(node.target) == "cond" else sum(bodies) * _steps(node)
        leaves, spec = pytree.tree_flatten((node.args, node.kwargs))
        values = [example_of(leaf) for leaf in leaves]
        key = json.dumps([str(function), id(function), str(spec), [_key(value) for value in values]])
        if key not in self._known:
            self._alive.append(function)
            self._known[key] = self._run(function, *pytree.tree_unflatten(values, spec))
        return self._known[key]

    def _of_graph(self, graph: fx.Graph) -> int:
        return sum(self.count(node, node.target) for node in graph.nodes if callable(node.target))

    def _run(self, function: Callable[..., Any], args: Any, kwargs: Any) -> int:
        counter = FlopCounterMode(display=False)
        try:
            with torch.no_grad(), counter:
                function(*args, **kwargs)
        except Exception:  # no meta kernel, or a value is needed: then torch has no formula for it either
            log.debug("%s counts no FLOPs", function, exc_info=True)
            return 0
        return int(counter.get_total_flops())


def _steps(node: fx.Node) -> int:
    """Return how often a loop runs: over the first dimension of what ``scan`` or ``map`` is given to go over."""
    over = {"scan": 2, "map_impl": 1}.get(str(node.target))
    sizes = [example_of(leaf).shape[0] for leaf in pytree.tree_leaves(node.args[over])] if over is not None else []
    return sizes[0] if sizes else 1


def _key(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype}{list(value.shape)}"
    return f"{type(value).__name__} {value}"


__all__ = ["FlopCounter"]
