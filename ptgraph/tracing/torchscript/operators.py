"""Operators of TorchScript that act on numbers, lists and words, or are methods of a tensor: as functions of Python.

A size that may vary stays one: torch's own implementations of these operators would make a number of it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch

from ptgraph.tracing.torch_internals import script_dtype


class ScriptError(Exception):
    """The error that the TorchScript code raises itself."""


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) else value


def _int(value: Any) -> Any:
    number = _number(value)
    return number if isinstance(number, torch.SymInt) else int(number)


def _float(value: Any) -> Any:
    number = _number(value)
    return number if isinstance(number, torch.SymInt | torch.SymFloat) else float(number)


def _size(tensor: torch.Tensor, dimension: int | None = None) -> Any:
    return list(tensor.shape) if dimension is None else tensor.shape[dimension]


def _changed(method: str) -> Callable[..., Any]:
    """Return a function that calls a method of a list, and returns the list."""

    def change(items: Any, *args: Any) -> Any:
        getattr(items, method)(*args)
        return items

    return change


def _set_item(items: Any, key: Any, value: Any) -> Any:
    items[key] = value
    return items


def _delete(items: Any, key: Any) -> None:
    del items[key]


def _raise(message: Any, *_: Any) -> None:
    raise ScriptError(str(message))


def _div(a: Any, b: Any, rounding: str | None = None) -> Any:
    if rounding == "floor":
        return a // b
    return int(a / b) if rounding == "trunc" else a / b


def _ignored(*_: Any) -> None:
    return None


def _same(value: Any, *_: Any) -> Any:
    return value


# Whatever they are given.
ALWAYS: dict[str, Callable[..., Any]] = {
    "aten::Bool": lambda value: bool(_number(value)),
    "aten::Float": _float,
    "aten::FloatImplicit": _number,
    "aten::Int": _int,
    "aten::IntImplicit": _number,
    "aten::ScalarImplicit": _number,
    "aten::item": _number,
    "aten::__is__": lambda a, b: a is b,
    "aten::__isnot__": lambda a, b: a is not b,
    "aten::__not__": operator.not_,
    "aten::__contains__": operator.contains,
    "aten::append": _changed("append"),
    "aten::clear": _changed("clear"),
    "aten::extend": _changed("extend"),
    "aten::insert": _changed("insert"),
    "aten::reverse": _changed("reverse"),
    "aten::_set_item": _set_item,
    "aten::Delete": _delete,
    "aten::pop": lambda items, *key: items.pop(*key),
    "aten::keys": lambda items: list(items.keys()),
    "aten::values": lambda items: list(items.values()),
    "aten::items": lambda items: list(items.items()),
    "aten::get": lambda items, *key: items.get(*key),
    "aten::dict": dict,
    "aten::list": list,
    "aten::dim": lambda tensor: tensor.dim(),
    "aten::len": len,
    "aten::numel": lambda tensor: tensor.numel(),
    "aten::size": _size,
    "aten::is_floating_point": lambda tensor: tensor.is_floating_point(),
    "aten::format": lambda text, *values: text.format(*values),
    "aten::percentFormat": lambda text, *values: text % values,
    "aten::join": lambda text, words: text.join(words),
    "aten::str": str,
    "aten::warn": _ignored,
    "prim::Print": _ignored,
    "prim::RaiseException": _raise,
    "prim::AutogradAllZero": _ignored,
    "prim::NumToTensor": _same,
    "prim::unchecked_cast": _same,
    "prim::unchecked_unwrap_optional": _same,
    "aten::_unwrap_optional": _same,
    "prim::ImplicitTensorToNum": _number,
    "prim::Uninitialized": _ignored,
    "prim::ListConstruct": lambda *items: list(items),
    "prim::TupleConstruct": lambda *items: items,
    "prim::DictConstruct": lambda *items: dict(zip(items[::2], items[1::2], strict=True)),
    "prim::ListUnpack": tuple,
    "prim::TupleUnpack": tuple,
    "prim::TupleIndex": operator.getitem,
    "prim::rangelist": lambda count: list(range(count)),
    "prim::dtype": script_dtype,
    "prim::device": lambda tensor: tensor.device,
    "prim::data": lambda tensor: tensor.detach(),
    "prim::is_cuda": lambda tensor: tensor.is_cuda,
    "prim::is_quantized": lambda tensor: tensor.is_quantized,
    "prim::requires_grad": lambda tensor: tensor.requires_grad,
    "prim::shape": lambda tensor: list(tensor.shape),
    "prim::type": lambda device: device.type,
}

# Where they are given no tensor; torch's operator of that name takes the others.
WITHOUT_TENSOR: dict[str, Callable[..., Any]] = {
    "aten::__and__": operator.and_,
    "aten::__or__": operator.or_,
    "aten::__xor__": operator.xor,
    "aten::__getitem__": operator.getitem,
    "aten::abs": abs,
    "aten::add": lambda a, b, alpha=1: a + b if alpha == 1 else a + alpha * b,
    "aten::add_": lambda a, b: a.extend(b) or a,
    "aten::ceil": math.ceil,
    "aten::clone": _same,
    "aten::copy": list,
    "aten::detach": _same,
    "aten::div": _div,
    "aten::eq": operator.eq,
    "aten::floor": math.floor,
    "aten::floor_divide": operator.floordiv,
    "aten::floordiv": operator.floordiv,
    "aten::ge": operator.ge,
    "aten::gt": operator.gt,
    "aten::le": operator.le,
    "aten::lt": operator.lt,
    "aten::mul": operator.mul,
    "aten::ne": operator.ne,
    "aten::neg": operator.neg,
    "aten::pow": operator.pow,
    "aten::remainder": operator.mod,
    "aten::rsub": lambda a, b, alpha=1: b - alpha * a,
    "aten::slice": lambda items, start=None, end=None, step=1: items[start:end:step],
    "aten::sqrt": math.sqrt,
    "aten::sub": lambda a, b, alpha=1: a - alpha * b,
    "aten::to": _same,
    "prim::abs": abs,
    "prim::max": max,
    "prim::min": min,
}

__all__ = ["ALWAYS", "WITHOUT_TENSOR", "ScriptError"]
