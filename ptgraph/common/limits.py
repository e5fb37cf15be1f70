"""Limits of what is read and made: each has a name, a generous default and a meaning, and can be raised.

On the command line, ``--limit NAME=VALUE`` sets one; in Python, a block ``with ptgraph.limits(NAME=VALUE):`` does.
`limit` reads the value where it is needed, and `remedy` ends a message about it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from ptgraph.common.messages import quoted
from ptgraph.common.suggest import did_you_mean, similar
from ptgraph.errors import UsageError

MIB, GIB = 2**20, 2**30
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "kib": 2**10, "mib": MIB, "gib": GIB, "tib": 2**40}
_VALUE = re.compile(r"(\d{1,18})\s*([a-z]*)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: its *default*, a number or, with *is_size*, bytes; and its *meaning*, as a list of limits says it."""

    default: int
    meaning: str
    is_size: bool = False


LIMITS = {
    "layers": Limit(100_000, "layers, heads, labels and the like that a config asks for"),
    "modules": Limit(300_000, "modules of a model from a config, and module paths in the metadata of an ONNX file"),
    "nodes": Limit(500_000, "nodes of an ONNX file whose functions are written out"),
    "nesting": Limit(100, "functions and branches of an ONNX file within each other"),
    "parts": Limit(250, "parts of a name in an ONNX file, between its dots or slashes"),
    "text": Limit(16 * MIB, "a config, an overlay or a Python file", is_size=True),
    "numbers": Limit(500_000, "cells of an overlay"),
    "code": Limit(64 * MIB, "the code in a TorchScript file", is_size=True),
    "unpacked": Limit(64 * MIB, "what a zip archive of torch unpacks to beyond its own size", is_size=True),
    "values": Limit(1_000_000, "values in the example inputs of a .pt2 file; what is held twice counts twice"),
    "weights": Limit(4 * GIB, "random weights that are made up where a tracer has to run the model", is_size=True),
    "memory": Limit(64 * GIB, "memory of ONNX Runtime in `verify`, or what is free if that is less", is_size=True),
    "seconds": Limit(60, "seconds of processor time for one layout of a figure by Graphviz"),
}
_values: ContextVar[dict[str, int]] = ContextVar("limits", default={})  # noqa: B039 (never changed in place)


def limit(name: str) -> int:
    """Return the value of a limit, in its unit or in bytes."""
    return _values.get().get(name, LIMITS[name].default)


@contextlib.contextmanager
def limits(**values: int | str) -> Iterator[None]:
    """Set limits in a block: each by its name, to a number or a text such as ``"64MiB"``.

    Another thread that starts in the block has the defaults. Raises UsageError if there is no such limit, or a value
    is no whole number above 0.
    """
    token = _values.set(_values.get() | {name: _checked(name, value) for name, value in values.items()})
    try:
        yield
    finally:
        _values.reset(token)


def parsed(text: str) -> tuple[str, str]:
    """Return the name and the value in a text such as ``layers=200000``. Raises UsageError if it is none."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--limit {text}: a limit is NAME=VALUE, such as layers=200000 or text=64MiB")
    _checked(name, value)
    return name, value


def _checked(name: str, value: int | str) -> int:
    if name not in LIMITS:
        hint = did_you_mean(similar(name, LIMITS)) or f"; there are: {', '.join(LIMITS)}"
        raise UsageError(f"there is no limit {quoted(name)}{hint}")
    number = value
    if isinstance(value, str):
        found = _VALUE.fullmatch(value.strip())
        unit = _UNITS.get(found[2].lower()) if found is not None else None
        number = int(found[1]) * unit if found is not None and unit is not None else 0
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UsageError(
            f"the limit {name} is {quoted(value)}; it must be a whole number above 0, or a size such as 64MiB"
        )
    return number


def limit_text(name: str) -> str:
    """Return the value of a limit for people: ``100,000``, ``16 MiB``."""
    return value_text(limit(name), is_size=LIMITS[name].is_size)


def value_text(value: int, *, is_size: bool) -> str:
    """Return a value of a limit for people; a size in the largest unit in which it is a whole number."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", 2**10)) if is_size else ():
        if value % factor == 0:
            return f"{value // factor:,} {unit}"
    return f"{value:,} bytes" if is_size else f"{value:,}"


def remedy(name: str) -> str:
    """Return how a limit is raised, which ends a message about it."""
    return f"raise it with --limit {name}=… (in Python, ptgraph.limits({name}=…))"


__all__ = ["LIMITS", "limit", "limit_text", "limits", "parsed", "remedy", "value_text"]
