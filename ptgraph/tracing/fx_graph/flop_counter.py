"""FLOPs of an operator: by a formula of ours, or by torch's own counter on ``meta`` tensors of the traced shapes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import fx
from torch.utils.flop_counter import FlopCounterMode

from ptgraph.tracing.fx_graph.flop_formulas import FORMULAS, flops_by_formula, mapping, name_of
from ptgraph.tracing.fx_graph.node import depends_on_data, example_of, nested_graphs
from ptgraph.tracing.torch_internals import pytree, schema_of

log = logging.getLogger(__name__)

# Why the numbers of an operation are not known.
BRANCHES = "of its branches, the one with the most FLOPs counts"
LOOP = "how often it runs depends on data; it counts once"
NO_FORMULA = "no formula is known for its operator"
SIZES = "a size depends on data; it counts as 1"
_TORCH = ("aten::", "prims::", "higher_order::")


class Work(NamedTuple):
    """The FLOPs of an operation, and why they are not known, where they are not."""

    flops: int = 0
    unknown: str = ""


class FlopCounter:
    """Counts what a node does by a formula, or by running its operator once on ``meta``; equal nodes are run once.

    What multiplies nothing counts 0: an operator of torch without a formula. Of another library's operator that has
    none, and that reads parameters, it is not known what it does; nor of one that cannot run on ``meta``.
    """

    def __init__(self) -> None:
        self._known: dict[str, Work] = {}
        self._alive: list[Callable[..., Any]] = []  # an id names a function only while the function lives
        self._mapping = mapping()

    def count(self, node: fx.Node, function: Callable[..., Any], *, weights: bool = False) -> Work:
        """Return the FLOPs of ``function`` on the arguments of *node*, where fx nodes stand for their values.

        Of the branches of a condition the one with the most FLOPs counts. The body of a ``scan`` or ``map`` counts
        once for each step, that of any other loop once. *weights* says whether it reads parameters.
        """
        name = name_of(function)
        if name not in FORMULAS and (graphs := nested_graphs(node)):
            return self._of_graphs(node, graphs)
        found = self._of_formula(name, node) if name in FORMULAS else self._of_run(node, function)
        if found.flops and depends_on_data(node):
            return Work(found.flops, SIZES)
        return found if weights else Work(found.flops)

    def _of_graphs(self, node: fx.Node, graphs: list[fx.Graph]) -> Work:
        bodies = [self._of_graph(graph) for graph in graphs]
        flops = [body.flops for body in bodies]
        reason = next((body.unknown for body in bodies if body.unknown), "")
        kind = str(node.target)
        if kind == "cond":
            return Work(max(flops), BRANCHES if len(set(flops)) > 1 else reason)
        if kind == "autograd_function_apply":  # its second graph is that of the backward pass
            return bodies[0]
        return Work(sum(flops) * _steps(node), LOOP if kind == "while_loop" and any(flops) else reason)

    def _of_graph(self, graph: fx.Graph) -> Work:
        found = [self.count(node, node.target, weights=True) for node in graph.nodes if callable(node.target)]
        return Work(sum(each.flops for each in found), next((each.unknown for each in found if each.unknown), ""))

    def _of_formula(self, name: str, node: fx.Node) -> Work:
        given = pytree.tree_map(example_of, (node.args, node.kwargs))
        return Work(flops_by_formula(name, given, example_of(node)))

    def _of_run(self, node: fx.Node, function: Callable[..., Any]) -> Work:
        leaves, spec = pytree.tree_flatten((node.args, node.kwargs))
        values = [example_of(leaf) for leaf in leaves]
        key = json.dumps([str(function), id(function), str(spec), [_key(value) for value in values]])
        if key not in self._known:
            self._alive.append(function)
            self._known[key] = self._run(function, *pytree.tree_unflatten(values, spec))
        return self._known[key]

    def _run(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Work:
        counter = FlopCounterMode(display=False, custom_mapping=self._mapping)
        try:
            with torch.no_grad(), counter:
                function(*args, **kwargs)
        except Exception:  # no meta kernel, or a value is needed: then torch has no formula for it either
            log.debug("%s counts no FLOPs", function, exc_info=True)
            return Work(0, NO_FORMULA)
        flops = int(counter.get_total_flops())
        foreign = schema_of(function) is not None and not name_of(function).startswith(_TORCH)
        return Work(flops, NO_FORMULA if foreign and not flops else "")


def _steps(node: fx.Node) -> int:
    """Return how often a loop runs: over the first dimension of what ``scan`` or ``map`` is given to go over."""
    over = {"scan": 2, "map_impl": 1}.get(str(node.target))
    sizes = [example_of(leaf).shape[0] for leaf in pytree.tree_leaves(node.args[over])] if over is not None else []
    return sizes[0] if sizes else 1


def _key(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype}{list(value.shape)}"
    return f"{type(value).__name__} {value}"


__all__ = ["SIZES", "FlopCounter", "Work"]
