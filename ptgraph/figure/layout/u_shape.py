"""U shape: a path that contracts and one that expands again, side by side, with skips straight across.

After Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation" (MICCAI 2015). The left
column flows along the flow of the figure, the right one against it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import networkx as nx

from ptgraph.figure.layout.tree import Leaf, Series, Tree, UShape, leaf_names

_FEW = 2  # levels of a U whose sizes are known to shrink
_MANY = 3  # levels of a U whose sizes are unknown, or the same
_MOST_BESIDE = 6  # parts before the first level, or after it, that may stand in its columns


class _Skip(NamedTuple):
    """A value that leads past other parts of a series, by the numbers of its source and its target."""

    start: int
    end: int


def with_u_shape(tree: Tree, flow: nx.DiGraph[str]) -> Tree:
    """Return *tree*, the parts of an open box, as a U if it has nested skips past parts of less resolution.

    The ``shape`` of an edge of *flow* is that of its value, such as ``1×64×32×32``.
    """
    if not isinstance(tree, Series):
        return tree
    number = {name: at for at, part in enumerate(tree.parts) for name in leaf_names(part)}
    edges = [(number[a], number[b]) for a, b in flow.edges if a in number and b in number]
    skips = sorted({_Skip(a, b) for a, b in edges if b > a + 1 and isinstance(tree.parts[b], Leaf)})
    for areas in _areas(tree, flow):
        nest = _nest(skips, areas)
        if nest and nest[0].start <= _MOST_BESIDE and len(tree.parts) - nest[0].end <= _MOST_BESIDE:
            found = _folded(tree, nest, _bottom(nest[-1], areas))
            if _is_routable(found, flow):
                return found
    return tree


def around_frames(tree: Tree, encoder: str, decoder: str) -> Tree:
    """Return *tree* as a U of one level, if *encoder* and *decoder* are parts of it one after the other."""
    if not isinstance(tree, Series):
        return tree
    names = [part.name if isinstance(part, Leaf) else None for part in tree.parts]
    if encoder not in names or decoder not in names:
        return tree
    start, end = names.index(encoder), names.index(decoder)
    if start > _MOST_BESIDE or len(names) - end > _MOST_BESIDE or end != start + 1:
        return tree
    level = tree.parts[start], tree.parts[end]
    return UShape([Series(tree.parts[:end]), Series([]), Series(tree.parts[end:])], [level])


def _areas(tree: Series, flow: nx.DiGraph[str]) -> Iterator[list[float | None]]:
    """Yield how many positions the value of each part has: with the channels second, and last; and then unknown."""
    found = []
    for part in tree.parts:
        edges = [edge for name in leaf_names(part) for edge in flow.succ[name].values()]
        found.append([area for edge in edges if (area := _area(edge.get("shape")))])
    for measure in (0, 1):
        yield [min((area[measure] for area in areas), default=None) for areas in found]
    yield [None] * len(tree.parts)


def _area(shape: str | None) -> tuple[float, float] | None:
    if not shape or not re.fullmatch(r"\d+(×\d+){2,}", shape):
        return None
    sizes = [int(size) for size in shape.split("×")]
    return float(math.prod(sizes[2:])), float(math.prod(sizes[1:-1]))


def _nest(skips: Sequence[_Skip], areas: Sequence[float | None]) -> list[_Skip]:
    """Return the skips of the levels of a U, the outermost first, or none."""
    if any(areas):
        nest = _longest([skip for skip in skips if _shrinks(skip, areas)], areas)
        if len(nest) < _FEW or len({areas[skip.start] for skip in nest}) == 1:
            return []
        inner = [skip for skip in skips if nest[-1].start < skip.start and skip.end < nest[-1].end]
        return nest + _longest(inner, areas)
    nest = _longest(skips, areas)
    return nest if len(nest) >= _MANY and len(nest) == len(skips) else []


def _shrinks(skip: _Skip, areas: Sequence[float | None]) -> bool:
    """Return whether a value is smaller between the ends of *skip* than at its start."""
    start = areas[skip.start]
    inner = [area for area in areas[skip.start + 1 : skip.end] if area is not None]
    return start is not None and min(inner, default=start) < start


def _longest(skips: Sequence[_Skip], areas: Sequence[float | None]) -> list[_Skip]:
    """Return the longest nest of *skips*, sorted by their starts, in which no inner one is larger than an outer one."""
    best: list[list[_Skip]] = []
    for number, skip in enumerate(skips):
        before = [
            best[k]
            for k, outer in enumerate(skips[:number])
            if outer.start < skip.start
            and skip.end < outer.end
            and (areas[skip.start] or 0) <= (areas[outer.start] or 0)
        ]
        best.append([*max(before, key=len, default=[]), skip])
    return max(best, key=len, default=[])


def _bottom(innermost: _Skip, areas: Sequence[float | None]) -> int:
    """Return the number of the part at the bottom: in the middle of those of least resolution."""
    inside = range(innermost.start + 1, innermost.end)
    least = min((area for k in inside if (area := areas[k]) is not None), default=None)
    lowest = [k for k in inside if areas[k] == least]
    return lowest[len(lowest) // 2]


def _folded(tree: Series, nest: Sequence[_Skip], bottom: int) -> UShape:
    starts = [0, *(skip.start + 1 for skip in nest[:-1]), bottom]
    ends = [bottom + 1, *(skip.end for skip in nest[-2::-1]), len(tree.parts)]
    left = [Series(tree.parts[a:b]) for a, b in pairwise(starts)]
    right = [Series(tree.parts[a:b]) for a, b in pairwise(ends)]
    level = [(tree.parts[skip.start], tree.parts[skip.end]) for skip in nest]
    return UShape([*left, tree.parts[bottom], *right], level)


def _is_routable(tree: UShape, flow: nx.DiGraph[str]) -> bool:
    """Return whether each value between the columns leads to the next part, or across, and enters from above."""
    number = {name: at for at, part in enumerate(tree.parts) for name in leaf_names(part)}
    last = len(tree.parts) - 1
    for a, b in flow.edges:
        if a not in number or b not in number:
            continue
        start, end = number[a], number[b]
        across = start < tree.bottom < end and end <= last - start
        if end > start + 1 and not across:
            return False
    return all(number[name] == last for name, leaves in flow.nodes(data="leaves") if leaves and name in number)


__all__ = ["around_frames", "with_u_shape"]
