"""The columns of a U: the levels one below the other, the columns as near as their lines allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ptgraph.figure.layout.channel_routing import Jog, assign_tracks
from ptgraph.figure.layout.line_ends import entry_position, exit_position, spread
from ptgraph.figure.layout.routing_plan import Leg, OpenBox
from ptgraph.figure.layout.sizes import Extent, Sizes, UColumns
from ptgraph.figure.layout.spacing import ACROSS, BESIDE, ENTRY, EXIT, GAP, HEAD, LANE, STRIP, TRACK
from ptgraph.figure.layout.tree import Leaf, Series, Tree, UShape
from ptgraph.figure.layout.u_shape.levels import Reach, reaches_across, sides_between


def u_columns(sizes: Sizes, box: OpenBox, tree: UShape, at_least: float = 0.0) -> tuple[UColumns, Extent]:
    """Return where the parts of *tree*, all that is in *box*, stand, and how much room they take.

    The spines of its columns are *at_least* so far from each other.

    The sizes of the parts must be in *sizes*.
    """
    bottom, last = tree.bottom, len(tree.parts) - 1
    legs = sizes.plan.changes.get(tree, [])
    reaches = reaches_across(sizes, tree)
    anchors = [_anchor(tree, row, reaches) for row in range(bottom)]
    values = dict.fromkeys(leg.value for leg in legs if _needs_lane(tree, leg, reaches, anchors))
    title = next((size for name, size in sizes.titles.items() if sizes.plan.open_boxes[name] is box), None)
    room = title.start + title.end if title is not None and tree.rising else 0.0  # its title is between the columns
    room = max(room, at_least)
    spines, lanes = _across(sizes, tree, [*values], room)
    extents = [sizes.extents[part] for part in tree.all_parts]  # the bottom may be wider now
    sizes.entries.update(_entries(sizes, tree, legs, spines))
    jogs = [_jogs(sizes, tree, gap, legs, spines, lanes) for gap in range(bottom)]
    tracks = [assign_tracks(found) for found in jogs]

    leaving = any(leg.leaves is tree for leg in sizes.plan.legs)
    at = EXIT if leaving else 0.0
    starts = [0.0] * len(tree.all_parts)
    placed: dict[tuple[int, str, float], float] = {}
    for row in range(bottom):
        left, right = extents[row], extents[last - row]
        below, before = anchors[row]
        over, rest = 0.0, max(below, before)
        if tree.between is not None and row == 0:
            over, enters = sides_between(sizes, tree)
            below -= over - enters
            rest = max(rest, extents[-1].length - over)
        above = max(left.length - below, right.length - before, over)
        starts[row] = at + above + below - left.length
        starts[last - row] = at + above + before
        if tree.between is not None and row == 0:
            starts[-1] = at + above - over
        at += above + rest
        placed |= {
            (row, jog.value, round(jog.start, 2)): at + HEAD + TRACK * track for jog, track in tracks[row].items()
        }
        at += max(GAP, 2 * HEAD + TRACK * max(tracks[row].values()) if tracks[row] else 0.0)
    starts[bottom] = at
    under = 0.0 if leaves_at_side(sizes, tree) or rises(sizes, tree.parts[bottom]) else STRIP + 2
    length = at + extents[bottom].length + under
    right_end = max(spine + extent.right for spine, extent in zip(spines, extents, strict=True))
    left_end = max(extent.left - spine for spine, extent in zip(spines, extents, strict=True))
    exit = right_end + LANE
    found = UColumns(spines, starts, placed, lanes, exit)
    return found, Extent(left_end, exit + 2 if leaving else right_end, length)


def rises(sizes: Sizes, part: Tree) -> bool:
    """Return whether *part* is an open box that its value leaves on the side on which it was entered."""
    inside = sizes.plan.open_boxes.get(part.name) if isinstance(part, Leaf) else None
    return inside is not None and isinstance(inside.tree, UShape) and inside.tree.rising


def leaves_at_side(sizes: Sizes, tree: UShape) -> bool:
    """Return whether the bottom of a U is a closed box, which its value leaves at the right side."""
    part = tree.parts[tree.bottom]
    return isinstance(part, Leaf) and part.name not in sizes.plan.open_boxes


def _anchor(tree: UShape, row: int, reaches: Mapping[Leg, Sequence[Reach]]) -> Reach:
    """Return the reach of the line that leads straight across a level, or from and to the box between the columns."""
    last = len(tree.parts) - 1
    found: dict[tuple[int, int], Reach] = {}
    for leg, each in reaches.items():
        if leg.change is not None:
            ends = leg.change.start, leg.change.end
            found[ends] = min(found.get(ends, each[0]), *each)
    if tree.between is not None and row == 0:
        into, out = found.get((0, last + 1)), found.get((last + 1, last))
        if into is not None and out is not None:
            return Reach(into.below, out.before)
    return found.get((row, last - row), Reach(0.0, 0.0))


def _needs_lane(tree: UShape, leg: Leg, reaches: Mapping[Leg, Sequence[Reach]], anchors: Sequence[Reach]) -> bool:
    """Return whether a leg leads across the U, and neither straight nor through the gap below its level."""
    assert leg.change is not None
    _, start, end = leg.change
    row = tree.level(end)
    if not start < tree.bottom < end or end == len(tree.parts):
        return False
    if row != start:
        return True
    if leg not in reaches:
        return leg.from_side or leg.changes_beside or leg.side is not None
    level = anchors[row].below - anchors[row].before
    return any(abs(below - before - level) > 0.01 for below, before in reaches[leg])


def _across(sizes: Sizes, tree: UShape, values: Sequence[str], room: float) -> tuple[list[float], dict[str, float]]:
    """Return the positions of the spines of all parts, and of the lanes of *values*, across the flow.

    The spines of the columns are no nearer to each other than *room*.
    """
    bottom = tree.bottom
    extents = [sizes.extents[part] for part in tree.parts]
    edge = max(extent.right for extent in extents[:bottom])
    lanes = {value: edge + BESIDE + TRACK * number for number, value in enumerate(values)}
    between = max(ACROSS, 2 * BESIDE + TRACK * len(values))
    if tree.between is not None:
        box = sizes.extents[tree.between]
        between = max(between, box.left + box.right + 2 * ENTRY + HEAD + TRACK * len(values))
    right = max(room, edge + between + max(extent.left for extent in extents[bottom + 1 :]))
    low = extents[bottom]
    if leaves_at_side(sizes, tree):
        right = max(right, low.left + low.right + 2 * ENTRY + HEAD)
        spine = (right + low.left - low.right + HEAD - ENTRY) / 2
    elif rises(sizes, tree.parts[bottom]):
        part = tree.parts[bottom]
        assert isinstance(part, Leaf)
        into = next(leg for leg in sizes.plan.changes[tree] if leg.target == part.name)
        assert into.change is not None
        spine = exit_position(sizes, tree.parts[into.change.start], into) - entry_position(sizes, part, into)
        exit = max((exit_position(sizes, part, leg) for leg in sizes.plan.out_of.get(part.name, ())), default=0.0)
        if right > spine + exit:
            _widen(sizes, part, right - spine - exit)
        right = max(right, spine + exit)
    else:
        spine = max(0.0, (right - low.right + low.left) / 2 - LANE)
        right = max(right, spine + low.right + LANE)
    spines = [0.0] * bottom + [spine] + [right] * bottom
    if tree.between is not None:
        end = right - max(extent.left for extent in extents[bottom + 1 :])
        box = sizes.extents[tree.between]
        spines.append((edge + TRACK * len(values) + end + box.left - box.right) / 2)
    return spines, lanes


def _widen(sizes: Sizes, part: Leaf, by: float) -> None:
    """Move the columns of an open box that rises apart *by* a length, so that the way up from it is straight."""
    box = sizes.plan.open_boxes[part.name]
    tree = box.tree
    assert isinstance(tree, UShape)
    now = sizes.u_columns[tree].spines[tree.last] if tree.last > tree.bottom else _exit(sizes, tree)
    before = sizes.extents[tree]
    sizes.u_columns[tree], sizes.extents[tree] = u_columns(sizes, box, tree, now + by)
    wider = sizes.extents[tree].right - before.right
    size, extent = sizes.boxes[part.name], sizes.extents[part]
    sizes.boxes[part.name] = replace(size, across=size.across + wider, right=size.right + wider)
    sizes.extents[part] = replace(extent, right=extent.right + wider)


def _exit(sizes: Sizes, tree: UShape) -> float:
    """Return where across the flow the value of the bottom of *tree* leaves it."""
    part = tree.parts[tree.bottom]
    assert isinstance(part, Leaf)
    out = sizes.plan.out_of[part.name]
    return sizes.u_columns[tree].spines[tree.bottom] + max(exit_position(sizes, part, leg) for leg in out)


def _entries(sizes: Sizes, tree: UShape, legs: list[Leg], spines: list[float]) -> dict[tuple[str, Leg], float]:
    """Let several values enter the first box of a part from above where they come from."""
    found: dict[tuple[str, Leg], float] = {}
    for end, part in enumerate(tree.parts):
        first = next(iter(part.parts), part) if isinstance(part, Series) else part
        if not isinstance(first, Leaf) or first.name in sizes.plan.open_boxes or sizes.boxes[first.name].round:
            continue
        into = [
            leg for leg in legs if leg.change and leg.change.end == end and leg.target == first.name and not leg.side
        ]
        sources = {
            leg.value: spines[leg.change.start] + exit_position(sizes, tree.parts[leg.change.start], leg) - spines[end]
            for leg in into
            if leg.change
        }
        if len(sources) > 1:
            positions = spread(sources, 0.4 * sizes.boxes[first.name].across)
            found.update(((first.name, leg), positions[leg.value]) for leg in into)
    return found


def _jogs(
    sizes: Sizes, tree: UShape, gap: int, legs: list[Leg], spines: list[float], lanes: dict[str, float]
) -> dict[Jog, list[float]]:
    """Return the jogs in the gap below the level *gap*, from where to where across the flow."""
    found: dict[Jog, list[float]] = {}

    def add(value: str, begin: float, end: float) -> None:
        if abs(begin - end) > 0.01:
            found.setdefault(Jog(value, begin), []).append(end)

    def leaves(leg: Leg, start: int) -> float:
        return spines[start] + exit_position(sizes, tree.parts[start], leg)

    def enters(leg: Leg, end: int) -> float:
        return spines[end] + entry_position(sizes, tree.parts[end], leg)

    for leg in legs:
        assert leg.change is not None
        _, start, end = leg.change
        row = tree.level(end)
        if len(tree.parts) in (start, end):
            continue
        if not start < tree.bottom < end:  # along a column
            crosses = start != tree.bottom or rises(sizes, tree.parts[start])
            if crosses and leg.side is None and gap == tree.gap_before(end):
                add(leg.value, leaves(leg, start), enters(leg, end))
            continue
        beside = leg.from_side or leg.changes_beside
        if gap == row == start and not beside and leg.side is None:
            add(leg.value, leaves(leg, start), enters(leg, end))
            continue
        if gap == start and not beside and leg.value in lanes:
            add(leg.value, leaves(leg, start), lanes[leg.value])
        if gap == row and leg.side is None:
            add(leg.value, lanes[leg.value], enters(leg, end))
    return found


__all__ = ["leaves_at_side", "rises", "u_columns"]
