"""Tracked values: numbers and strings that behave as usual, and note whether anything reads them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


class Tracked:
    """Stands for a number or a word, and notes in *used* that something has asked what it is."""

    def __init__(self, value: Any, used: list[Callable[[], None]]) -> None:
        self.__dict__.update(_value=value, _used=used)

    @property
    def __class__(self) -> type:
        return type(value_of(self))

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise TypeError("the class of a tracked value is that of what it stands for")

    def __getattr__(self, name: str) -> Any:
        return getattr(seen(self), name)


def value_of(item: Any) -> Any:
    """Return the value itself, without noting that it is used."""
    return object.__getattribute__(item, "_value") if type(item) is Tracked else item


def seen(item: Any) -> Any:
    if type(item) is not Tracked:
        return item
    for note in object.__getattribute__(item, "_used"):
        note()
    return value_of(item)


def uses_noted_by(item: Any) -> list[Callable[[], None]]:
    """Return what is called when something asks what *item* is: nothing, if it is a plain value."""
    return list(object.__getattribute__(item, "_used")) if type(item) is Tracked else []


def _forward_operators() -> None:
    """Let a tracked value answer every operator as what it stands for does, and note it."""

    def unary(function: Callable[[Any], Any]) -> Any:
        return lambda self: function(seen(self))

    def binary(function: Callable[[Any, Any], Any]) -> Any:
        return lambda self, other: function(seen(self), seen(other))

    def swapped(function: Callable[[Any, Any], Any]) -> Any:
        return lambda self, other: function(seen(other), seen(self))

    for name in ("index", "neg", "pos", "abs", "invert"):
        setattr(Tracked, f"__{name}__", unary(getattr(operator, name)))
    functions: list[Any] = [int, float, bool, str, repr, hash, len, iter]
    for function in functions:
        setattr(Tracked, f"__{function.__name__}__", unary(function))
    others: dict[str, Any] = {
        "round": lambda self, *digits: round(seen(self), *digits),
        "format": lambda self, form: format(seen(self), form),
        "divmod": binary(divmod),
        "contains": binary(lambda one, other: other in one),
        "getitem": binary(lambda one, other: one[other]),
    }
    for name, function in others.items():
        setattr(Tracked, f"__{name}__", function)
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tracked, f"__{name}__", binary(getattr(operator, name)))
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and_", "or_", "xor"):
        plain = name.rstrip("_")
        setattr(Tracked, f"__{plain}__", binary(getattr(operator, name)))
        setattr(Tracked, f"__r{plain}__", swapped(getattr(operator, name)))


_forward_operators()

__all__ = ["Tracked", "seen", "uses_noted_by", "value_of"]
