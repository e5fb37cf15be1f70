"""Whether a graph calls the modules of its model as often as they are called when the model runs.

Counting while a tracer runs the model costs next to nothing. Where that gives another number than the graph, a run of
its own has the last word: what leads to no result is not in a graph.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections import Counter

import torch
from torch import nn

from ptgraph.graph.model import ModelGraph
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.module_calls import ModuleCalls
from ptgraph.tracing.module_walk import modules, named_modules
from ptgraph.tracing.source import Source
from ptgraph.tracing.stand_ins import stand_ins
from ptgraph.tracing.untraced_run import untraced_run

_CONVOLUTION = re.compile(r"\b_?conv(olution\b|[0-9]|_t)|\.Conv[A-Z0-9]\w*$")
_TAKEN_APART = re.compile(r"\.(outer|ger|linalg_vecdot)\b")  # before a mode sees such an operator
NAMED = 3  # modules, beyond which a message says only how many more there are


class Witness:
    """What is known of a run of the model of *source*, be it by tracers or by a run of its own."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._first: ModuleCalls | None = None

    @functools.cached_property
    def _own(self) -> ModuleCalls | None:
        run = untraced_run(self.source)
        return run.calls if run is not None else None

    def differences(self, traced: Capture, graph: ModelGraph) -> list[str] | None:
        """Return what *graph* says otherwise than a run of the model; None if it is not known what a run does."""
        if traced.model is None:
            return []
        if traced.run.whole:
            self._first = self._first or traced.run
        run = traced.run if traced.run.whole else self._first or self._own
        if run is None:
            return None
        calls: Counter[int] = Counter()  # of a module under all its names
        for path, module in named_modules(traced.model, remove_duplicate=False):
            calls[id(module)] += graph.component(path).calls
        hidden = _hidden(traced.model, traced)
        found = []
        for path, module in named_modules(traced.model):
            count = calls[id(module)]
            if id(module) in hidden or run.least[path] <= count <= run.most[path]:
                continue
            own = self._own
            if own is not None and own.least[path] <= count <= own.most[path]:
                continue
            if own is None and count < run.least[path]:  # perhaps nothing comes of the others
                continue
            called = f"is called {_times(count)}" if count else "is not called"
            found.append(f"{path or 'the model'} {called}, and {_times(run.most[path])} when it runs")
        return found


def other_work(source: Source, graph: ModelGraph) -> list[str]:
    """Return which totals of *graph*, FLOPs and convolutions, are not those of a run of the model of *source*.

    Nothing is said of what is not known: of models that do not run without numbers, of the bodies of control-flow
    operators, and of operations whose FLOPs are not known.
    """
    if source.model is None:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were given when it was traced
        with stand_ins(source) as traced:
            run = untraced_run(traced)
    if run is None or run.opaque:
        return []
    ops = [graph.op(name) for name in graph.of_kind("op")]
    found = []
    convolutions = sum(bool(_CONVOLUTION.search(op.target)) for op in ops)
    if not run.convolutions.least <= convolutions <= run.convolutions.most:
        found.append(f"{convolutions:,} convolutions, and {run.convolutions.most:,} when it runs")
    flops = sum(op.flops for op in ops)
    known = not any(op.uncounted or _TAKEN_APART.search(op.target) for op in ops)
    if known and not run.flops.least <= flops <= run.flops.most:
        found.append(f"{flops:,} FLOPs, and {run.flops.most:,} when it runs")
    return found


def _hidden(model: nn.Module, traced: Capture) -> set[int]:
    """Return the modules, by ``id``, whose calls cannot be counted.

    These are TorchScript, parametrizations, and those within a block with a call that was not traced, or within a
    module that is one operation.
    """
    closed = traced.folded | {str(node.target) for node in traced.graph.nodes if node.op == "call_module"}
    hidden: set[int] = set()
    for path, module in named_modules(model, remove_duplicate=False):
        if isinstance(module, torch.jit.ScriptModule | nn.utils.parametrize.ParametrizationList):
            hidden.update(map(id, modules(module)))
        elif path in closed:
            hidden.update(id(part) for part in modules(module) if part is not module)
    return hidden


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count:,} times")


def differences_text(differences: list[str]) -> str:
    """Return *differences* as one text: the first, and how many more there are."""
    more = len(differences) - NAMED
    rest = [f"and {more:,} more module{'s' if more > 1 else ''}"] if more > 0 else []
    return "; ".join([*differences[:NAMED], *rest])


__all__ = ["Witness", "differences_text", "other_work"]
