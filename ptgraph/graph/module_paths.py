"""Module paths such as ``layers.0.norm``: their parents, their order, and many of them folded into one."""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.common.messages import quoted

CONTAINER = "torch.nn.modules.container.ModuleList"


def upwards(path: str) -> Iterator[str]:
    """Yield *path* and the paths above it, up to the root's."""
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""


def is_within(path: str, above: str) -> bool:
    """Return whether *path* is *above*, or the path of something in it."""
    return not above or path == above or path.startswith(f"{above}.")


def moved(path: str, old: str, new: str) -> str:
    """Return *path* with *new* in place of the beginning *old*, or unchanged where it is not within *old*.

    >>> moved("layers.0.norm", "layers.0", "layers.7")
    'layers.7.norm'
    """
    return new + path[len(old) :] if path == old or path.startswith(f"{old}.") else path


def parent(path: str, known: Container[str]) -> str:
    """Return the nearest path above *path* that is known."""
    return next(above for above in upwards(path.rpartition(".")[0]) if above in known)


def natural(path: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in paths as numbers."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in path.split(".")]


def span(paths: Sequence[str]) -> str:
    """Return ``layers.0–5`` where paths are numbered in a row, or else the first and the last."""
    heads, _, numbers = zip(*(path.rpartition(".") for path in paths), strict=True)
    start = int(numbers[0]) if numbers[0].isdigit() else None
    if len({*heads}) == 1 and start is not None and list(numbers) == [str(start + i) for i in range(len(paths))]:
        return f"{paths[0]}–{numbers[-1]}"
    return f"{paths[0]} … {paths[-1]}"


def completed(types: Mapping[str, str], others: Iterable[str] = ()) -> dict[str, str]:
    """Return path → class of modules that are known, of *others*, and of all above them, each after its parent.

    A module without a class of its own whose parts are all numbered is a ModuleList. A class that is not known is the
    empty string.
    """
    found = dict.fromkeys(above for path in ("", *types, *others) for above in reversed([*upwards(path)]))
    parts: dict[str, set[str]] = defaultdict(set)
    for path in found:
        if path:
            above, _, own = path.rpartition(".")
            parts[above].add(own)
    numbered = {path for path, names in parts.items() if path and all(name.isdigit() for name in names)}
    return {path: types.get(path, CONTAINER if path in numbered else "") for path in found}


def folded_paths(paths: Iterable[str]) -> list[list[Any]]:
    """Return ``[text, count]`` for paths: those that differ in their numbers alone are one text.

    ``layers.0.norm`` … ``layers.23.norm`` become ``layers.{0–23}.norm``. Only whole parts of a path are numbers.
    """
    kinds: dict[tuple[str | None, ...], dict[tuple[int, ...], None]] = defaultdict(dict)
    for path in paths:
        parts = path.split(".")
        kind = tuple(None if _is_number(part) else part for part in parts)
        kinds[kind][tuple(int(part) for part in parts if _is_number(part))] = None
    found: list[list[Any]] = []
    for kind, numbers in kinds.items():
        for ranges, count in _folded_numbers(numbers):
            left = iter(ranges)
            found.append([".".join(next(left) if part is None else part for part in kind), count])
    return found


def _is_number(part: str) -> bool:
    """Return whether a part of a path is a number as Python writes it, and no longer than a list may be."""
    return part.isascii() and part.isdecimal() and len(part) < 10 and (part == "0" or part[0] != "0")


def _folded_numbers(numbers: Iterable[tuple[int, ...]]) -> list[tuple[tuple[str, ...], int]]:
    """Join tuples that differ in one number, from the last to the first; return the texts and how many each counts."""
    state: list[tuple[tuple[int, ...], tuple[str, ...], int]] = [(tuple_, (), 1) for tuple_ in numbers]
    while state and state[0][0]:
        alike: dict[tuple[tuple[int, ...], tuple[str, ...]], list[tuple[int, int]]] = defaultdict(list)
        for left, texts, count in state:
            alike[left[:-1], texts].append((left[-1], count))
        state = [
            (left, (_ranges([number for number, _ in joined]), *texts), sum(count for _, count in joined))
            for (left, texts), joined in alike.items()
        ]
    return [(texts, count) for _, texts, count in state]


def _ranges(numbers: list[int]) -> str:
    """Return ``{0–3,7}``; a number alone is itself."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    if len(numbers) == 1:
        return str(numbers[0])
    return "{" + ",".join(str(low) if low == high else f"{low}–{high}" for low, high in found) + "}"


_RANGE = re.compile(r"(\d{1,9})(?:–(\d{1,9}))?")
_BRACES = re.compile(r"\{(\{|[\d,–]+\})")


def unfolded(text: str) -> Iterable[str]:
    """Yield the paths that a text such as ``layers.{0–3,7}.norm`` stands for; ``{{`` is a brace in a name.

    Raises ValueError if they are more than the limit ``modules``, or a range is none.
    """
    pieces = _BRACES.split(text)  # what is in braces is every other one
    choices = [[range(1)] if held == "{" else _ranges_of(held[:-1]) for held in pieces[1::2]]
    if math.prod(sum(map(len, ranges)) for ranges in choices) > limit("modules"):
        raise ValueError(f"{quoted(text)} stands for more than {limit_text('modules')} paths; {remedy('modules')}")
    numbers = [
        ["{"] if held == "{" else [str(n) for part in ranges for n in part]
        for held, ranges in zip(pieces[1::2], choices, strict=True)
    ]
    for chosen in itertools.product(*numbers):
        yield "".join(itertools.chain.from_iterable(itertools.zip_longest(pieces[::2], chosen, fillvalue="")))


def _ranges_of(text: str) -> list[range]:
    """Return the ranges in a text such as ``0–3,7``. Raises ValueError if it is none."""
    bounds = [_RANGE.fullmatch(part) for part in text.split(",")]
    if None in bounds:
        raise ValueError(f"{quoted(text)} is no list of ranges")
    return [range(int(found[1]), int(found[2] or found[1]) + 1) for found in bounds if found is not None]


__all__ = ["completed", "folded_paths", "is_within", "moved", "natural", "parent", "span", "unfolded", "upwards"]
