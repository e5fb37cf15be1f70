"""U shape: a path that contracts and one that expands again, side by side, with skips straight across.

After Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation" (MICCAI 2015). The left
column flows along the flow of the figure, the right one against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import networkx as nx

from ptgraph.figure.layout.areas import Area, area_of
from ptgraph.figure.layout.tree import Leaf, Parallel, Series, Tree, UShape, leaf_names

_FEW = 2  # levels of a U whose sizes are known to shrink
_MANY = 3  # levels of a U whose sizes are unknown, or the same
_PAIR = 2
_IMAGE = 4  # the rank of a batch of images; videos and volumes have more, but some are images of several frames
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
    parts = tree.parts
    for _ in range(_MOST_BESIDE):
        found = _as_u(parts, flow)
        if found is not None:
            return found
        unwrapped = _with_later_sources(parts)
        if unwrapped is None:
            break
        parts = unwrapped
    return tree


def _as_u(parts: Sequence[Tree], flow: nx.DiGraph[str]) -> UShape | None:
    skips = [skip for skip in _skips(parts, flow, None) if isinstance(parts[skip.end], Leaf)]
    if len(_longest(skips, [None] * len(parts))) < _FEW:
        return None
    for areas in _areas(parts, flow):
        nest = _nest(skips, areas)
        if nest and nest[0].start <= _MOST_BESIDE and len(parts) - nest[0].end <= _MOST_BESIDE:
            found = _folded(parts, nest, _bottom(nest[-1], areas), None, rising=False)
            if _is_routable(found, flow):
                return found
    return None


def _with_later_sources(parts: Sequence[Tree]) -> list[Tree] | None:
    """Return *parts* whose first one is a series with sources beside it with these beside the last of that series.

    The sources are first read after that series. Return None if the first one is nothing like that.
    """
    first = parts[0] if parts else None
    if not isinstance(first, Parallel) or first.across:
        return None
    longest = max(first.parts, key=lambda part: len(leaf_names(part)))
    if not isinstance(longest, Series):
        return None
    sources = [part for part in first.parts if part is not longest]
    *before, last = longest.parts
    return [*before, Parallel([*sources, last], main=len(sources)), *parts[1:]]


def without_conditions(flow: nx.DiGraph[str], order: Sequence[str]) -> tuple[set[str], nx.DiGraph[str]]:
    """Return the parts whose values are read again and again and are no levels, and *flow* without those later reads.

    A level has a value of the highest rank, such as an image; a text or a time that conditions it has one of less.
    *order* is that of the flow.
    """
    ranks = {name: _value_rank(flow, name) for name in flow}
    most = max(ranks.values(), default=0)
    found = {name for name in flow if 0 < ranks[name] < most and len(flow.succ[name]) > 1}
    if not found:
        return found, flow
    at = {name: number for number, name in enumerate(order)}
    first = nx.DiGraph(flow)
    for name in found:
        for reader in sorted(flow.succ[name], key=at.__getitem__)[1:]:
            first.remove_edge(name, reader)
    return found, first


def _value_rank(flow: nx.DiGraph[str], name: str) -> int:
    """Return the rank of the value of a part, that of an image if it has more; 0 if its shape is not known."""
    ranks = (edge["shape"].count("×") + 1 for edge in flow.succ[name].values() if edge.get("shape"))
    return min(max(ranks, default=0), _IMAGE)


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


def around_part(
    tree: Tree, flow: nx.DiGraph[str], bottom: str, may_pass: Callable[[str], bool], *, rising: bool
) -> Tree:
    """Return *tree* as a U with the part *bottom* at its bottom, if it is a series that can be one.

    A box may stand between the columns if *may_pass* says that lines can enter and leave it at its sides.
    """
    parts, between = _in_a_row(tree, may_pass)
    at = next((k for k, part in enumerate(parts) if isinstance(part, Leaf) and part.name == bottom), 0)
    after = len(parts) - at - 1
    if not (0 < at <= _MOST_BESIDE and (0 if rising else 1) <= after <= _MOST_BESIDE):
        return tree
    skips = [skip for skip in _skips(parts, flow, between) if skip.start < at < skip.end]
    nest = _longest(skips, [None] * len(parts))
    if between is not None and not (nest and _is_between(parts, flow, between, nest[0])):
        return tree
    found = _folded(parts, nest, at, between, rising=rising)
    return found if _is_routable(found, flow) else tree


def nested_skip(
    tree: Tree, flow: nx.DiGraph[str], inner: str | None, may_pass: Callable[[str], bool], size: Callable[[str], int]
) -> tuple[Area | None, str] | None:
    """Return the area of a value that leads past *inner*, a part of *tree*, and that part; None if there is none.

    If there is no *inner* one, it is the largest that a value leads past; *size* is that of a part.
    """
    parts, aside = _in_a_row(tree, may_pass)
    for skip in _skips(parts, flow, aside):
        between = [part.name for part in parts[skip.start + 1 : skip.end] if isinstance(part, Leaf)]
        if inner in between or (inner is None and between):
            found = [
                area_of(edge.get("shape")) for a in leaf_names(parts[skip.start]) for edge in flow.succ[a].values()
            ]
            return max((area for area in found if area), default=None), inner or max(between, key=size)
    return None


def _skips(parts: Sequence[Tree], flow: nx.DiGraph[str], aside: Leaf | None) -> list[_Skip]:
    """Return the skips between *parts*, that by the box *aside* too."""
    number = {name: at for at, part in enumerate(parts) for name in leaf_names(part)}
    edges = [(a, b) for a, b in flow.edges if a in number and b in number]
    if aside is not None:
        edges += [(a, b) for a in flow.pred[aside.name] for b in flow.succ[aside.name] if a in number and b in number]
    return sorted({_Skip(number[a], number[b]) for a, b in edges if number[b] > number[a] + 1})


def _is_between(parts: Sequence[Tree], flow: nx.DiGraph[str], box: Leaf, skip: _Skip) -> bool:
    """Return whether *box* reads the value at the start of *skip* alone, and is read at its end alone."""
    start, end = leaf_names(parts[skip.start]), leaf_names(parts[skip.end])
    read, readers = set(flow.pred[box.name]), set(flow.succ[box.name])
    return bool(read) and read <= {*start} and readers == {*end} and len(end) == 1


def _in_a_row(tree: Tree, may_pass: Callable[[str], bool]) -> tuple[list[Tree], Leaf | None]:
    """Return the parts of a series, and a box beside some of them that are a series of their own, if there is one."""
    parts: list[Tree] = tree.parts if isinstance(tree, Series) else [tree]
    for number, part in enumerate(parts):
        if isinstance(part, Parallel) and len(part.parts) == _PAIR:
            aside, inner = sorted(part.parts, key=lambda one: not isinstance(one, Leaf))
            if isinstance(aside, Leaf) and isinstance(inner, Series) and may_pass(aside.name):
                return [*parts[:number], *inner.parts, *parts[number + 1 :]], aside
    return parts, None


def _areas(parts: Sequence[Tree], flow: nx.DiGraph[str]) -> Iterator[list[float | None]]:
    """Yield how many positions the value of each part has, for each rank with channels second or last; then none."""
    found = []
    for part in parts:
        edges = [edge for name in leaf_names(part) for edge in flow.succ[name].values()]
        found.append([area for edge in edges if (area := area_of(edge.get("shape")))])
    for rank in sorted({area.rank for areas in found for area in areas}, reverse=True):
        alike = [[area for area in areas if area.rank == rank] for areas in found]
        yield [min((area.inner for area in areas), default=None) for areas in alike]
        yield [min((area.middle for area in areas), default=None) for areas in alike]
    yield [None] * len(parts)


def _nest(skips: Sequence[_Skip], areas: Sequence[float | None]) -> list[_Skip]:
    """Return the skips of the levels of a U, the outermost first, or none."""
    if any(areas):
        nest = _longest([skip for skip in skips if _shrinks(skip, areas)], areas)
        if not nest:
            return []
        inner = [skip for skip in skips if nest[-1].start < skip.start and skip.end < nest[-1].end]
        nest += _longest(inner, areas)
        return nest if len({areas[skip.start] for skip in nest}) >= _FEW else []
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
        best.append([*max(before, key=_rank, default=[]), skip])
    return max(best, key=_rank, default=[])


def _rank(nest: Sequence[_Skip]) -> tuple[int, int]:
    """Return the rank of a nest: with more levels first, and then the one nearer to the bottom."""
    return len(nest), sum(skip.start - skip.end for skip in nest)


def _bottom(innermost: _Skip, areas: Sequence[float | None]) -> int:
    """Return the number of the part at the bottom: in the middle of those of least resolution."""
    inside = range(innermost.start + 1, innermost.end)
    least = min((area for k in inside if (area := areas[k]) is not None), default=None)
    lowest = [k for k in inside if areas[k] == least]
    return lowest[len(lowest) // 2]


def _folded(parts: Sequence[Tree], nest: Sequence[_Skip], bottom: int, between: Leaf | None, *, rising: bool) -> UShape:
    starts = [0, *(skip.start + 1 for skip in nest), bottom]
    ends = [bottom + 1, *(skip.end for skip in nest[::-1]), len(parts)]
    left = [Series([*parts[a:b]]) for a, b in pairwise(starts)]
    right = [Series([*parts[a:b]]) for a, b in pairwise(ends)]
    if len(left) > 1 and not left[-1].parts and not right[0].parts:
        del left[-1], right[0]
    levels = [(parts[skip.start], parts[skip.end]) for skip in nest]
    return UShape([*left, parts[bottom], *right], levels, between, rising)


def _is_routable(tree: UShape, flow: nx.DiGraph[str]) -> bool:
    """Return whether each value between the columns leads to the next part, or across, and enters from above."""
    number = {name: at for at, part in enumerate(tree.all_parts) for name in leaf_names(part)}
    beside = len(tree.parts)
    for a, b in flow.edges:
        if a not in number or b not in number:
            continue
        start, end = number[a], number[b]
        if beside in (start, end):
            if not (start < tree.bottom or end > tree.bottom):
                return False
        elif not start < tree.bottom < end and any(map(leaf_names, tree.parts[start + 1 : end])):
            return False
    return all(number[name] == tree.last for name, leaves in flow.nodes(data="leaves") if leaves and name in number)


__all__ = ["Area", "around_frames", "around_part", "nested_skip", "with_u_shape", "without_conditions"]
