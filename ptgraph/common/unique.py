"""Unique names."""

from __future__ import annotations

from collections.abc import Container
from itertools import count


def unique(name: str, taken: Container[str], form: str = "{name}_{number}", first: int = 2) -> str:
    """Return *name*, or where it is taken the first of its numbered forms that is not.

    *form* says how a number is joined to the name, *first* is the first number. Nothing is added to *taken*.
    """
    if name not in taken:
        return name
    return next(free for number in count(first) if (free := form.format(name=name, number=number)) not in taken)


__all__ = ["unique"]
