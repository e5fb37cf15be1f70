"""Columns: the parts of a parallel side by side, as near to each other as they may stand."""

from __future__ import annotations

from ptgraph.figure.layout.routing_plan import OpenBox
from ptgraph.figure.layout.sizes import Columns, Extent, Sizes
from ptgraph.figure.layout.spacing import BESIDE, CLEAR, ENTRY, HEAD, STRIP, TRACK
from ptgraph.figure.layout.tree import Leaf, Parallel, Series, Tree, UShape, leaf_names

_LONG = 2.2  # a column over this many times as long as all others stands on the spine
_ALIKE = 12.0  # points by which the first parts of columns may differ in length to stand in a row


def columns(sizes: Sizes, box: OpenBox, tree: Parallel) -> tuple[Columns, Extent]:
    """Return where the parts of *tree*, a part of *box*, stand side by side, and how much room they take.

    The sizes of the parts must be in *sizes*.
    """
    if set(leaf_names(tree)) <= set(box.ports.values()):
        return _ports_in_a_row(box, tree)
    extents = [sizes.extents[part] for part in tree.parts]
    changes = {leg.value: leg for leg in sizes.plan.changes.get(tree, ())}
    spines = _side_by_side(tree, extents, lines=len(changes))
    if not tree.across:
        spines = _close_by(sizes, box, tree, spines)
    over = STRIP if any(leg.side != "left" for leg in changes.values()) else 0.0
    length = max(extent.length for extent in extents) + over
    if any(not leg.changes_beside for leg in changes.values()):
        length = max(length, extents[0].length + over + STRIP + 2)
    right = max(spine + extent.right for spine, extent in zip(spines, extents, strict=True))
    beside = spines[0] + extents[0].right + BESIDE / 2
    lanes = {value: beside + TRACK * number for number, value in enumerate(changes)}
    return Columns(spines, lanes, over), Extent(-spines[0] + extents[0].left, right, length)


def _side_by_side(tree: Parallel, extents: list[Extent], lines: int) -> list[float]:
    """Return the positions of the spines of columns, with room for *lines* beside the first.

    At 0 is the main column, or where there is none, one that is far longer than the others, or else the middle.
    """
    at, spines = 0.0, []
    for number, extent in enumerate(extents):
        at += extent.left
        spines.append(at)
        at += extent.right + BESIDE + (TRACK * lines if number == 0 and lines else 0)
    longest = max(range(len(extents)), key=lambda k: extents[k].length)
    others = max((extent.length for k, extent in enumerate(extents) if k != longest), default=0.0)
    half = len(extents) // 2
    if tree.main is not None:
        middle = spines[tree.main]
    elif extents[longest].length > _LONG * others:
        middle = spines[longest]
    else:
        middle = spines[half] if len(extents) % 2 else (spines[half - 1] + spines[half]) / 2
    return [spine - middle for spine in spines]


def _close_by(sizes: Sizes, box: OpenBox, tree: Parallel, spines: list[float]) -> list[float]:
    """Return *spines* with lone boxes moved as near to the columns left of them as those allow at their height."""
    extents = [sizes.extents[part] for part in tree.parts]
    whole = max(extent.length for extent in extents)
    found = spines[:1]
    for number in range(1, len(extents)):
        part, extent = tree.parts[number], extents[number]
        share = share_before(sizes, box, tree, part)
        if not _is_lone(sizes, box, part, share):
            found.append(max(spines[number], found[-1] + extents[number - 1].right + BESIDE + extent.left))
            continue
        low, high = (whole - extent.length - CLEAR, whole) if share else (0.0, extent.length + CLEAR)
        edges = [
            at + (_right_between(sizes, other, low, high) if beside.length == whole else beside.right)
            for at, other, beside in zip(found, tree.parts[:number], extents[:number], strict=True)
        ]
        found.append(max(edges) + BESIDE + extent.left)
    return found


def _is_lone(sizes: Sizes, box: OpenBox, part: Tree, share: float) -> bool:
    """Return whether *part* is a closed box that no line leads past.

    One at the end of its column, with a *share* of 1, reads nothing; one at the start, with 0, feeds nothing.
    """
    if not isinstance(part, Leaf) or part.name in sizes.plan.open_boxes:
        return False
    return share == 1 or (share == 0 and part.name not in sizes.plan.out_of and part.name not in box.ports.values())


def _ports_in_a_row(box: OpenBox, tree: Parallel) -> tuple[Columns, Extent]:
    """Let the port with the most readers stand on the spine, and the others to the right of it."""
    readers = {
        port: sum(leg.value == value and leg.source is None for leg in box.legs.values())
        for value, port in box.ports.items()
    }
    names = leaf_names(tree)
    main = max(range(len(names)), key=lambda k: readers[names[k]])
    spines, at = [0.0] * len(names), 0.0
    for k in range(len(names)):
        if k != main:
            at += ENTRY
            spines[k] = at
    return Columns(spines), Extent(1.0, 1.0 + at, 0.0)


def share_before(sizes: Sizes, box: OpenBox, tree: Parallel, part: Tree) -> float:
    """Return how much of the spare length of the column *part* is before it: none for ends, all for inputs."""
    names = set(leaf_names(part))
    ports = set(box.ports.values())
    if names <= ports:
        return 0.0
    read = any(leg.source not in names for name in names for leg in sizes.plan.into.get(name, ()))
    feeds = any(leg.target not in names for name in names for leg in sizes.plan.out_of.get(name, ()))
    if not read and not names & ports:
        return 1.0
    return 0.0 if not feeds or _begin_alike(sizes, tree) else 0.5


def _begin_alike(sizes: Sizes, tree: Parallel) -> bool:
    firsts = [part.parts[0] if isinstance(part, Series) else part for part in tree.parts]
    lengths = [sizes.extents[first].length for first in firsts]
    return max(lengths) - min(lengths) < _ALIKE


def _right_between(sizes: Sizes, tree: Tree, low: float, high: float) -> float:
    """Return how far *tree* reaches to the right between two heights, with the lines within it."""
    if isinstance(tree, Leaf | UShape):
        return sizes.extents[tree].right
    if isinstance(tree, Parallel):
        if tree.main != 0:
            return sizes.extents[tree].right
        spines = sizes.columns[tree].spines
        return max(
            spine + _right_between(sizes, part, low, high) for part, spine in zip(tree.parts, spines, strict=True)
        )
    stack = sizes.stacks[tree]
    found = [0.0, *sizes.lanes[tree].at.values()]
    for number, part in enumerate(tree.parts):
        begin = stack.ends[number - 1] + CLEAR if number else 0.0
        end = stack.starts[number + 1] - HEAD + 1 if number + 1 < len(tree.parts) else stack.length
        if begin < high and low < end:
            found.append(_right_between(sizes, part, low - stack.starts[number], high - stack.starts[number]))
    return max(found)


__all__ = ["columns", "share_before"]
