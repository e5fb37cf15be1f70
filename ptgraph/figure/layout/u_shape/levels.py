"""The levels of a U: at which height lines lead across it, and gaps that bring their ends to one height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ptgraph.figure.layout.placement import beginning
from ptgraph.figure.layout.routing_plan import Edge, Leg
from ptgraph.figure.layout.sizes import Sizes
from ptgraph.figure.layout.spacing import PAD
from ptgraph.figure.layout.tree import Leaf, Series, Tree, UShape

_PAST = 4.0  # from the end of a part to a line across that leaves the way on from it


class Reach(NamedTuple):
    """How far the ends of a line across are from the end of the left part and the beginning of the right one.

    *below* is negative where the line leaves the way on from the left part, not a box in it.
    """

    below: float
    before: float


class _Line(NamedTuple):
    """An edge across a U; *up* has its legs from the U inward to its source, *down* those inward to its target."""

    leg: Leg
    edge: Edge
    up: Sequence[Leg]
    down: Sequence[Leg]


def reaches_across(sizes: Sizes, tree: UShape) -> dict[Leg, list[Reach]]:
    """Return the reaches of each leg across that enters boxes at their sides, and does not leave a part beside it."""
    found: dict[Leg, list[Reach]] = {}
    for line in _lines(sizes, tree):
        assert line.leg.change is not None
        start, end = (tree.all_parts[number] for number in line.leg.change[1:])
        found.setdefault(line.leg, []).append(_reach(sizes, line, start, end, sizes.extents[start].length))
    return found


def sides_between(sizes: Sizes, tree: UShape) -> Reach:
    """Return how far from the beginning of the box between the columns lines leave and enter it at its sides."""
    assert tree.between is not None
    number = len(tree.parts)
    found = {line.leg.change[1:]: line for line in _lines(sizes, tree) if line.leg.change is not None}
    into = next(line for (_, end), line in found.items() if end == number)
    out = next(line for (start, _), line in found.items() if start == number)
    enters = _offset(sizes, tree.between, into.down, [leg.target for leg in into.down], up=False)
    leaves = _offset(sizes, tree.between, out.up, [leg.source for leg in out.up], up=False)
    share = _share(sizes, into)
    return Reach(leaves + sizes.boxes[out.edge.source].along / 2, enters + sizes.boxes[into.edge.target].along * share)


def align(sizes: Sizes, tree: UShape) -> None:
    """Widen gaps in the frames of a level, so that lines from one into the other lead straight across.

    The sizes of what is in the frames must be in *sizes*.
    """
    for left, right in tree.levels:
        if isinstance(left, Leaf) and isinstance(right, Leaf):
            frames = left.name, right.name
            across = [line for line in _lines(sizes, tree) if line.leg.from_side]
            lines = [line for line in across if (line.leg.source, line.leg.target) == frames]
            if len(lines) > 1 and all(name in sizes.plan.open_boxes for name in frames):
                _align(sizes, lines, left, right)


def _align(sizes: Sizes, lines: list[_Line], left: Leaf, right: Leaf) -> None:
    def reach(line: _Line) -> Reach:
        return _reach(sizes, line, left, right, sizes.boxes[left.name].along)

    first, *others = sorted(lines, key=reach)
    for line in others:
        apart = reach(line).below - reach(line).before - reach(first).below + reach(first).before
        if apart > 0:
            _widen(sizes, right.name, line.down[1].target, apart, after=False)
        else:
            _widen(sizes, left.name, line.up[1].source, -apart, after=True)


def _widen(sizes: Sizes, frame: str, part: str | None, by: float, *, after: bool) -> None:
    """Widen the gap before or *after* a part of an open box *by* a length."""
    box = sizes.plan.open_boxes[frame]
    assert part is not None
    tree, number = box.paths[part][0]
    if not isinstance(tree, Series):
        return
    stack, size, extent = sizes.stacks[tree], sizes.boxes[frame], sizes.extents[tree]
    first = number + after
    starts = [start + by * (k >= first) for k, start in enumerate(stack.starts)]
    ends = [end + by * (k >= first) for k, end in enumerate(stack.ends)]
    sizes.stacks[tree] = replace(stack, starts=starts, ends=ends, length=stack.length + by)
    sizes.extents[tree] = replace(extent, length=extent.length + by)
    sizes.boxes[frame] = replace(size, along=size.along + by)


def _lines(sizes: Sizes, tree: UShape) -> list[_Line]:
    """Return a line for each edge across *tree* that enters a box at its side, and does not leave a part beside it."""
    across = {
        leg
        for leg in sizes.plan.changes.get(tree, ())
        if leg.side == "left" and not leg.changes_beside and leg.change is not None and leg.change.end != tree.bottom
    }
    return [
        _Line(leg, edge, legs[number::-1], legs[number:])
        for edge, legs in sizes.plan.edges.items()
        for number, leg in enumerate(legs)
        if leg in across
    ]


def _reach(sizes: Sizes, line: _Line, start: Tree, end: Tree, length: float) -> Reach:
    """Return the reach of a line from the part *start*, which has that *length*, to the part *end*."""
    edge = line.edge
    enter = _offset(sizes, end, line.down, [leg.target for leg in line.down], up=True)
    share = _share(sizes, line)
    below = -_PAST
    if line.leg.from_side:
        begin = _offset(sizes, start, line.up, [leg.source for leg in line.up], up=False)
        below = length - begin - sizes.boxes[edge.source].along / 2
    return Reach(below, enter + sizes.boxes[edge.target].along * share)


def _share(sizes: Sizes, line: _Line) -> float:
    """Return in which share of the length of its target a line enters its side."""
    beside = [leg for leg in sizes.plan.into[line.edge.target] if leg.side is not None]
    return (beside.index(line.down[-1]) + 1) / (len(beside) + 1)


def _offset(sizes: Sizes, part: Tree, legs: Sequence[Leg], ends: Sequence[str | None], *, up: bool) -> float:
    """Return how far from the beginning of *part* the last of *ends* begins, each of which is in the one before.

    *legs* are those in the boxes around each; *up*: the part flows against the figure.
    """
    total = 0.0
    for depth, (leg, end) in enumerate(zip(legs, ends, strict=True)):
        assert end is not None
        box = sizes.plan.open_boxes[leg.box]
        path = box.paths[end]
        if depth == 0:
            path = path[next((k for k, (tree, _) in enumerate(path) if tree is part), len(path)) :]
        else:
            total += PAD + (0.0 if up else sizes.title_heights[leg.box])
        total += sum(beginning(sizes, box, tree, number) for tree, number in path)
    return total


__all__ = ["Reach", "align", "reaches_across", "sides_between"]
