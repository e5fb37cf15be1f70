"""Text of labels: shapes, counts, sizes in bytes, titles of operations and of calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def op_title(target: str) -> str:
    """Return the short name of an operator: ``aten.add.Tensor`` → ``add``."""
    parts = target.split(".")
    overloaded = len(parts) > 2 and (parts[0] in ("aten", "prims") or parts[-1] == "default")
    return parts[-2] if overloaded else parts[-1]


def call_text(name: str, number: int) -> str:
    """Return the name of a module in one of several calls: ``encoder (2nd call)`` for *number* 2."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{name} ({number}{ending} call)"


def counted_classes(classes: Mapping[str, int]) -> str:
    """Return how many there are of each class: ``5 × Local + Global``."""
    return " + ".join(f"{count} × {name}" if count > 1 else name for name, count in classes.items() if name)


def shape_text(shape: Any) -> str:
    """Return ``batch×16×512``; a scalar's is ``scalar``, and no shape is the empty string."""
    if shape is None:
        return ""
    return "×".join(map(str, shape)) or "scalar"


def count_text(count: float) -> str:
    """Return a count in three digits: ``85.3M``."""
    for unit in ("", "K", "M", "G", "T", "P"):
        if count < 999.5:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g}E"


def attempts_text(attempts: Iterable[tuple[str, str]]) -> str:
    """Return the tracers that failed, each with its reason: ``torch.export: …; torch.fx: …``."""
    return "; ".join(f"{tracer}: {reason}" for tracer, reason in attempts)


__all__ = ["attempts_text", "call_text", "count_text", "counted_classes", "op_title", "shape_text"]
