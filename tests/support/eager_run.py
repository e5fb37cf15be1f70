"""What a model does when it is run: FLOPs, products, convolutions, calls of modules and parameters read.

It is found without ptgraph: by hooks on the modules, a mode of functions, and one of operators.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten
VECTORS = {  # what the counter of torch does not count
    aten.mv: lambda a, b: 2 * a.numel(),
    aten.dot: lambda a, b: 2 * a.numel(),
    aten.vdot: lambda a, b: 2 * a.numel(),
    aten.addmv: lambda c, a, b: 2 * a.numel(),
    aten.addbmm: lambda c, a, b: 2 * a.numel() * b.shape[-1],
    aten.addr: lambda c, a, b: 2 * a.numel() * b.numel(),
    aten._grouped_mm: lambda a, b: 2 * a.numel() * b.shape[-1],
}
OUTER = {"outer", "ger"}  # torch takes it apart into a product element by element
CONVOLUTIONS = {"convolution", "_convolution", "mkldnn_convolution"}


@dataclass
class EagerRun:
    """``flops`` of all; how many ``convolutions``; ``calls`` by the path of a module; names of parameters ``read``.

    ``idle`` are the paths of modules of which no call ran an operator.
    """

    flops: int = 0
    convolutions: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    read: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=set)


class _Functions(TorchFunctionMode):
    """Counts outer products."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if getattr(function, "__name__", "") in OUTER:
            self.outer += result.numel()
        return result


class _NoTracker:
    """All FLOPs are those of the model."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class _Operators(TorchDispatchMode):
    """Notes the storages that operators read, and counts operators and convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[int] = set()
        self.convolutions = self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        self.count += func not in (aten.detach.default, aten.alias.default)
        if not func.is_view and func not in (aten.detach.default, aten.alias.default):
            self.read |= {leaf.untyped_storage()._cdata for leaf in leaves}
        self.convolutions += func._schema.name.removeprefix("aten::") in CONVOLUTIONS
        return func(*args, **(kwargs or {}))


def _parts(tensor: Tensor) -> list[Tensor]:
    """Return the tensors that one of a class of its own consists of, or else the tensor."""
    if not hasattr(tensor, "__tensor_flatten__"):
        return [tensor]
    return [part for name in tensor.__tensor_flatten__()[0] for part in _parts(getattr(tensor, name))]


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _formula(count: Any) -> Any:
    def flops(*args: Any, out_val: Any = None, **kwargs: Any) -> int:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        return int(count(*given[: count.__code__.co_argcount]))

    flops._get_raw = True  # type: ignore[attr-defined]
    return flops


def eager_run(model: nn.Module, *args: Any, **kwargs: Any) -> EagerRun:
    """Run *model*, in evaluation mode, and return what it did. Attention runs as products, as on ``meta``."""
    run = EagerRun()
    functions, operators = _Functions(), _Operators()
    hooks: list[Any] = []
    before: list[int] = []  # how many operators had run when a call that is not over began
    busy: set[str] = set()
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):  # it takes no hooks
            continue

        def begin(module: nn.Module, given: Any) -> None:
            before.append(operators.count)

        def note(module: nn.Module, given: Any, result: Any, path: str = path) -> None:
            run.calls[path] += 1
            if before.pop() != operators.count:
                busy.add(path)

        hooks += [module.register_forward_pre_hook(begin), module.register_forward_hook(note, always_call=True)]
    counter = FlopCounterMode(display=False, custom_mapping={key: _formula(count) for key, count in VECTORS.items()})
    counter.mod_tracker = _NoTracker()  # type: ignore[assignment]  # that of torch needs gradients
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cards that are not there
        plain = torch.backends.mkldnn.flags(enabled=False)
    math = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    try:
        with torch.no_grad(), plain, math, functions, counter, operators:
            model.eval()(*args, **kwargs)
    finally:
        for hook in hooks:
            hook.remove()
    run.flops, run.convolutions = counter.get_total_flops() + functions.outer, operators.convolutions
    run.idle = set(run.calls) - busy
    run.read = {n for n, p in model.named_parameters() if operators.read.intersection(map(_memory, _parts(p)))}
    return run


__all__ = ["EagerRun", "eager_run"]
