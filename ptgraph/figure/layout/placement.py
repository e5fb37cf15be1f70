"""Placement: the position of every part of a figure, from the outside in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ptgraph.figure.layout.columns import share_before
from ptgraph.figure.layout.routing_plan import OpenBox, Plan
from ptgraph.figure.layout.sizes import Sizes
from ptgraph.figure.layout.spacing import PAD
from ptgraph.figure.layout.tree import Leaf, Parallel, Series, Tree, UShape, parts_of


class Position(NamedTuple):
    """Where a part is: its spine across the flow, and its beginning along it; *up*: it flows against the figure."""

    u: float
    v: float
    up: bool = False

    def along(self, distance: float, more: float = 0.0) -> float:
        """Return the position at a *distance*, and *more*, from the beginning."""
        return self.v - distance - more if self.up else self.v + distance + more

    def top(self, length: float) -> float:
        """Return where a part of that *length* begins along the flow of the figure."""
        return self.v - length if self.up else self.v


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
            title = 0.0 if at.up else sizes.title_heights[tree.name]
            _place(sizes, found, inside, inside.tree, at._replace(v=at.along(PAD, title)))
        return
    for number, part in enumerate(parts_of(tree)):
        spine, turned = 0.0, False
        if isinstance(tree, UShape):
            spine, turned = sizes.u_columns[tree].spines[number], tree.bottom < number < len(tree.parts)
        elif isinstance(tree, Parallel):
            spine = sizes.columns[tree].spines[number]
        begin = at.along(beginning(sizes, box, tree, number))
        _place(sizes, found, box, part, Position(at.u + spine, begin, at.up != turned))


def beginning(sizes: Sizes, box: OpenBox, tree: Series | Parallel | UShape, number: int) -> float:
    """Return how far along the flow from the beginning of *tree*, a part of *box*, its own part *number* begins."""
    if isinstance(tree, Series):
        return sizes.stacks[tree].starts[number]
    if isinstance(tree, UShape):
        return sizes.u_columns[tree].starts[number]
    part = tree.parts[number]
    spare = 0.0 if tree.across else sizes.extents[tree].length - sizes.extents[part].length
    return sizes.columns[tree].over + spare * share_before(sizes, box, tree, part)


def upward_boxes(plan: Plan) -> set[str]:
    """Return the boxes of a plan that flow against the figure: those in the right column of a U."""
    found: set[str] = set()
    waiting = [(plan.open_boxes[plan.root].tree, False)]
    while waiting:
        tree, up = waiting.pop()
        if not isinstance(tree, Leaf):
            turns = tree.bottom if isinstance(tree, UShape) else len(tree.parts)
            for number, part in enumerate(parts_of(tree)):
                waiting.append((part, up != (turns < number < len(tree.parts))))
            continue
        if up:
            found.add(tree.name)
        if tree.name in plan.open_boxes:
            waiting.append((plan.open_boxes[tree.name].tree, up))
    return found


__all__ = ["Placed", "Position", "beginning", "place", "upward_boxes"]
