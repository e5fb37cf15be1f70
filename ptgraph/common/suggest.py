"""Suggestions for a name that is not known: the known names that are most like it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 200  # characters of a name that are compared: the time grows with their square


def similar(name: str, known: Iterable[str], count: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return at most *count* of the *known* names, the most similar first.

    *cutoff* is the least similarity, from 0 (any name) to 1 (only the same name).
    """
    return get_close_matches(name[:LONGEST], list(known), count, cutoff)


def did_you_mean(names: Iterable[str]) -> str:
    """Return ``; did you mean A or B?``, which ends a message; the empty string if there are no *names*."""
    said = " or ".join(names)
    return f"; did you mean {said}?" if said else ""


__all__ = ["did_you_mean", "similar"]
