"""Placement: the position of every part of a figure, from the outside in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ptgraph.figure.layout.columns import share_before
from ptgraph.figure.layout.routing_plan import OpenBox
from ptgraph.figure.layout.series_parallel import Leaf, Series, Tree
from ptgraph.figure.layout.sizes import Sizes
from ptgraph.figure.layout.spacing import PAD


class Position(NamedTuple):
    """Where a part is: its spine across the flow, and its beginning along it."""

    u: float
    v: float


@dataclass(frozen=True)
class Placed:
    """The positions of the *parts* of a figure, and by their ids those of *boxes*, frames and ports.

    The whole figure is *across* by *along*.
    """

    across: float
    along: float
    parts: dict[Tree, Position]
    boxes: dict[str, Position]


def place(sizes: Sizes) -> Placed:
    """Return the positions of all parts."""
    root = sizes.plan.open_boxes[sizes.plan.root]
    extent = sizes.extents[root.tree]
    found = Placed(extent.left + extent.right, extent.length, {}, {})
    _place(sizes, found, root, root.tree, Position(extent.left, 0.0))
    return found


def _place(sizes: Sizes, found: Placed, box: OpenBox, tree: Tree, at: Position) -> None:
    """Add the positions of *tree*, a part of *box* that is *at* that position, and of what is in it."""
    found.parts[tree] = at
    if isinstance(tree, Leaf):
        found.boxes[tree.name] = at
        inside = sizes.plan.open_boxes.get(tree.name)
        if inside is not None:
            _place(sizes, found, inside, inside.tree, Position(at.u, at.v + PAD + sizes.title_heights[tree.name]))
    elif isinstance(tree, Series):
        for part, start in zip(tree.parts, sizes.stacks[tree].starts, strict=True):
            _place(sizes, found, box, part, Position(at.u, at.v + start))
    else:
        columns, length = sizes.columns[tree], sizes.extents[tree].length
        for part, spine in zip(tree.parts, columns.spines, strict=True):
            spare = 0.0 if tree.across else length - sizes.extents[part].length
            before = spare * share_before(sizes, box, tree, part)
            _place(sizes, found, box, part, Position(at.u + spine, at.v + columns.over + before))


__all__ = ["Placed", "Position", "place"]
