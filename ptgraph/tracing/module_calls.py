"""How often each module is called while a tracer runs the model: what its graph must say, too.

Nothing is put on the model. The operations of a call may leave no trace in a graph, so the count is a range. A call
that gives what it was given (``Identity``) may compute nothing.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ptgraph.tracing.module_walk import named_modules
from ptgraph.tracing.torch_internals import calls_watched


@dataclass
class ModuleCalls:
    """By the first path of each module, how often it was called: at ``most``, and at ``least`` with something to show.

    Both are those of the last run of the model, if there was a ``whole`` one.
    """

    most: Counter[str] = field(default_factory=Counter)
    least: Counter[str] = field(default_factory=Counter)
    whole: bool = False


@contextlib.contextmanager
def calls_counted(model: nn.Module) -> Iterator[ModuleCalls]:
    """Count the calls of the modules of *model*.

    A tracer may run the model several times; the last run that comes to its end counts. Calls in the bodies of
    control-flow operators do not count.
    """
    paths = {id(vars(module)): path for path, module in named_modules(model)}  # a tracer wraps modules around these
    found, root = ModuleCalls(), id(vars(model))
    most: Counter[str] = Counter()
    idle: Counter[str] = Counter()
    running = False

    def begin(module: nn.Module) -> None:
        nonlocal running
        key = id(vars(module))
        if key == root:  # a run that failed before has no end
            most.clear()
            idle.clear()
            running = True
        if key in paths:
            most[paths[key]] += 1

    def end(module: nn.Module, given: Any, result: Any) -> None:
        nonlocal running
        key = id(vars(module))
        if key in paths and any(result is each for each in given):
            idle[paths[key]] += 1
        if key == root:
            found.most, found.least, found.whole = most.copy(), most - idle, running
            running = False  # an end without a beginning: the model called itself

    with calls_watched(begin, end):
        yield found


__all__ = ["ModuleCalls", "calls_counted"]
