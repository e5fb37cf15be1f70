"""A run of a model without a tracer and without numbers: what of it gives something of the result.

A mode of operators notes what each of them reads and writes, so that what leads to no result of the model is
told from what a graph must have: tracers leave it out.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import flop_registry

from ptgraph.common.interrupts import check
from ptgraph.tracing.containers import is_a, put, swapped
from ptgraph.tracing.fx_graph.flop_formulas import mapping
from ptgraph.tracing.module_calls import ModuleCalls, calls_counted
from ptgraph.tracing.module_hooks import every_call
from ptgraph.tracing.module_walk import named_modules
from ptgraph.tracing.nested_values import opened
from ptgraph.tracing.source import Source
from ptgraph.tracing.state_guard import evaluating, reached
from ptgraph.tracing.torch_internals import (
    FakeTensorMode,
    HigherOrderOperator,
    TorchDispatchMode,
    pytree,
)
from ptgraph.tracing.tracers.bound_call import BoundCall, bind, taking_tensors

log = logging.getLogger(__name__)
_CONVOLUTION = re.compile("aten::(_|mkldnn_|cudnn_)?conv(olution|[0-9]|_)")
_COPIES = ("aten::detach", "aten::alias", "aten::lift_fresh", "aten::lift_fresh_copy")  # they are not in graphs


class Span(NamedTuple):
    """A number that a graph may have: at ``least`` what gives something of the result, at ``most`` all that ran."""

    least: int
    most: int


class UntracedRun(NamedTuple):
    """The calls of modules, FLOPs and convolutions of a run; of ``opaque`` operators it is not known what they do."""

    calls: ModuleCalls
    flops: Span
    convolutions: Span
    opaque: bool


class _Step(NamedTuple):
    """An operator that ran: the tensors that it reads and yields, by ``id``, the calls that it is in, and its work."""

    reads: frozenset[int]
    yields: frozenset[int]
    calls: tuple[tuple[int, str], ...]
    flops: int
    convolution: bool


def untraced_run(source: Source) -> UntracedRun | None:
    """Run the model of *source* and return what it does; None if it does not run without numbers.

    At least those calls leave a trace that give something of a result.
    """
    call = bind(source)
    with evaluating(call.model, call.given), taking_tensors(call):
        try:
            with FakeTensorMode(allow_non_fake_inputs=True) as mode:
                args, kwargs = _without_numbers(mode, call)
                steps = _Steps()
                with calls_counted(call.model) as counted, _followed(call.model, steps), steps:
                    result = call.model(*args, **kwargs)
                return steps.found(result, counted.most) if counted.whole else None
        except Exception as error:  # as a rule it needs numbers
            check(error)
            log.debug("%s does not run without numbers", source.name, exc_info=True)
            return None


def _without_numbers(mode: FakeTensorMode, call: BoundCall) -> tuple[Any, Any]:
    """Return the arguments of *call* without numbers, and put such tensors in the place of those of the model.

    An operator that writes to a tensor would do so otherwise, if no argument of it is without numbers.
    """

    def fake(tensor: torch.Tensor) -> torch.Tensor:
        return tensor if tensor.is_meta else mode.from_tensor(tensor)

    everything = reached(call.model)
    made = {id(tensor): fake(tensor) for tensor, _ in everything if is_a(tensor, torch.Tensor)}
    for value, items in everything:
        if items is not None:
            put(value, [swapped(item, made) for item in items])
    return pytree.tree_map_only(torch.Tensor, lambda t: made.get(id(t), fake(t)), (call.args, call.kwargs))  # type: ignore[no-any-return]


class _Steps(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch left it untyped
    """Notes the operators that run."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[_Step] = []
        self.open: list[tuple[int, str]] = []  # calls of modules that are running
        self._formulas: Any = {**flop_registry, **mapping()}
        self._opaque = False
        self._kept: list[Any] = []  # an id names a tensor only while the tensor is there

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        calls = self.open
        if isinstance(func, HigherOrderOperator):  # a graph has no calls in its bodies
            self.open, self._opaque = [], True
        try:
            result = func(*args, **(kwargs or {}))
        finally:
            self.open = calls
        name = func.name().partition(".")[0]
        formula = self._formulas.get(getattr(func, "overloadpacket", None))
        flops = formula(*args, **(kwargs or {}), out_val=result) if formula is not None else 0
        within = () if name in _COPIES else tuple(calls)
        step = _Step(self._ids((args, kwargs)), self._ids(result), within, flops, bool(_CONVOLUTION.match(name)))
        self.steps.append(step)
        return result

    def _ids(self, values: Any) -> frozenset[int]:
        tensors = [leaf for leaf in pytree.tree_leaves(values) if isinstance(leaf, torch.Tensor)]
        self._kept += tensors
        return frozenset(map(id, tensors))

    def found(self, result: Any, calls: Counter[str]) -> UntracedRun:
        """Return what ran, and what of it gives something of *result*; modules were called as often as *calls* say."""
        needed = {id(tensor) for tensor in opened(result).tensors.values()}
        giving = []
        for step in reversed(self.steps):
            if step.yields & needed:
                needed |= step.reads
                giving.append(step)
        least = Counter(path for _, path in {call for step in giving for call in step.calls})
        return UntracedRun(
            ModuleCalls(calls, least, True),
            Span(*(sum(step.flops for step in steps) for steps in (giving, self.steps))),
            Span(*(sum(step.convolution for step in steps) for steps in (giving, self.steps))),
            self._opaque,
        )


@contextlib.contextmanager
def _followed(model: nn.Module, steps: _Steps) -> Iterator[None]:
    """Tell *steps* which calls are running."""
    paths = {id(vars(module)): path for path, module in named_modules(model)}
    numbers = itertools.count()

    def begin(module: nn.Module, given: Any) -> None:
        steps.open.append((next(numbers), paths.get(id(vars(module)), "")))

    def end(module: nn.Module, given: Any, result: Any) -> None:
        steps.open.pop()

    with every_call(begin, end):
        yield


__all__ = ["untraced_run"]
