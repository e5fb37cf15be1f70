"""Facts of a box (class, settings, weights, shape), and the lines that say how two boxes differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Value = str | int | None  # None: the graph has no such fact
QUANTIZED = "quantized"
Line = tuple[str, Value, Value]  # the name of a fact, its value before and after


def differences(x: Facts, y: Facts) -> Iterator[Line]:
    """Yield a line for each fact in which *y* differs from *x*."""
    if x.label != y.label or x.kind != y.kind:
        yield ("class" if "module" in (x.kind, y.kind) else "operation", x.label, y.label)
    elif x.operation != y.operation and x.operation and y.operation:
        yield ("operation", x.operation, y.operation)
    if x.kind in ("input", "output") and x.name != y.name:
        yield ("name", x.name, y.name)
    if (quantized := _quantized(x.weights, y.weights)) is not None:
        yield quantized
    yield from _entries(x.settings, y.settings)
    yield from _entries(x.weights, y.weights)
    if x.operation == y.operation:
        yield from _entries(x.attributes, y.attributes)
    for word in ("shape", "dtype"):
        before, after = getattr(x, word), getattr(y, word)
        if before != after:
            yield (word, before or None, after or None)


def _quantized(before: dict[str, str], after: dict[str, str]) -> Line | None:
    """Return from which type to which the weights were quantized: floats that became integers."""
    floats = {_dtype(text) for text in before.values() if "float" in _dtype(text)}
    added = {_dtype(text) for name, text in after.items() if before.get(name) != text}
    integers = {dtype for dtype in added if re.fullmatch(r"u?int\d+", dtype)}
    if not floats or not integers or all(after.get(name) == text for name, text in before.items()):
        return None
    return QUANTIZED, ", ".join(sorted(floats)), ", ".join(sorted(integers))


def _dtype(text: str) -> str:
    return text.rpartition(" ")[2]


def _entries(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Line]:
    for name in [*before, *(name for name in after if name not in before)]:
        one, other = before.get(name), after.get(name)  # a setting of None is as good as none
        if _text(one) != _text(other):
            yield name, _text(one, name in before), _text(other, name in after)


def _text(value: Any, there: bool = True) -> str | int | None:
    """Return a setting as it is shown: a whole number stays one, all else is text; None if it is not *there*."""
    if not there:
        return None
    return value if type(value) is int else str(list(value) if isinstance(value, tuple) else value)


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one box, without those of its parts. Values of ``weights`` are text: ``512×512 float32``."""

    kind: str
    label: str  # the class of a module, the operator of an operation
    name: str  # within the module around it; an operation has none
    operation: str = ""  # the operator of a box that is one operation
    settings: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    shape: str = ""
    dtype: str = ""


__all__ = ["QUANTIZED", "Facts", "Line", "Value", "differences"]
