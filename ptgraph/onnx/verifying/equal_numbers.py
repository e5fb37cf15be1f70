"""Equal numbers: operators such as topk choose among them as they like, so that torch and ONNX Runtime may differ."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ptgraph.tracing.torch_internals import schema_of

_aten = torch.ops.aten
CHOOSING = {  # they give (values, indices) along a dimension, and torch leaves open which indices equal numbers have
    _aten.topk.default,
    _aten.sort.default,
    _aten.sort.stable,
    _aten.kthvalue.default,
    _aten.median.dim,
    _aten.nanmedian.dim,
    _aten.mode.default,
}


class OtherChoice(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch left it untyped
    """Lets operators choose otherwise among equal numbers: as if the numbers stood in reverse order.

    ``chosen`` has the names of those whose indices have changed by that. What they give is as right as before.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.chosen: dict[str, None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        found = func(*args, **kwargs)
        if func not in CHOOSING or kwargs.get("stable"):
            return found
        numbers, dim = args[0], _dimension(func, args, kwargs)
        if not numbers.ndim:
            return found
        values, places = func(numbers.flip(dim), *args[1:], **kwargs)
        indices = numbers.shape[dim] - 1 - places
        if not torch.equal(indices, found[1]):
            self.chosen[func.name().removeprefix("aten::").partition(".")[0]] = None
        return type(found)((values, indices))


def _dimension(operator: Any, args: Any, kwargs: Any) -> int:
    """Return the dimension along which an operator chooses: as it is given, or by default."""
    schema = schema_of(operator)
    assert schema is not None
    (position,) = (n for n, argument in enumerate(schema.arguments) if argument.name == "dim")
    given = args[position] if len(args) > position else kwargs.get("dim", schema.arguments[position].default_value)
    return int(given)


__all__ = ["OtherChoice"]
