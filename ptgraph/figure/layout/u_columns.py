"""The columns of a U: the levels one below the other, the columns as near as their lines allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ptgraph.figure.layout.channel_routing import Jog, assign_tracks
from ptgraph.figure.layout.line_ends import entry_position, exit_position, spread
from ptgraph.figure.layout.routing_plan import Leg
from ptgraph.figure.layout.sizes import Extent, Sizes, UColumns
from ptgraph.figure.layout.spacing import ACROSS, BESIDE, ENTRY, EXIT, GAP, HEAD, LANE, STRIP, TRACK
from ptgraph.figure.layout.tree import Leaf, Series, UShape
from ptgraph.figure.layout.u_levels import Reach, reaches_across


def u_columns(sizes: Sizes, tree: UShape) -> tuple[UColumns, Extent]:
    """Return where the parts of *tree* stand, and how much room they take.

    The sizes of the parts must be in *sizes*.
    """
    bottom, last = tree.bottom, len(tree.parts) - 1
    legs = sizes.plan.changes.get(tree, [])
    extents = [sizes.extents[part] for part in tree.parts]
    reaches = reaches_across(sizes, tree)
    anchors = [_anchor(tree, row, reaches) for row in range(bottom)]
    values = dict.fromkeys(leg.value for leg in legs if _needs_lane(tree, leg, reaches, anchors))
    spines, lanes = _across(sizes, tree, list(values))
    sizes.entries.update(_entries(sizes, tree, legs, spines))
    jogs = [_jogs(sizes, tree, gap, legs, spines, lanes) for gap in range(bottom)]
    tracks = [assign_tracks(found) for found in jogs]

    leaving = any(leg.leaves is tree for leg in sizes.plan.legs)
    at = EXIT if leaving else 0.0
    starts = [0.0] * len(tree.parts)
    placed: dict[tuple[int, str, float], float] = {}
    for row in range(bottom):
        left, right = extents[row], extents[last - row]
        below, before = anchors[row]
        above = max(left.length - below, right.length - before)
        starts[row] = at + above + below - left.length
        starts[last - row] = at + above + before
        at += above + max(below, before)
        placed |= {
            (row, jog.value, round(jog.start, 2)): at + HEAD + TRACK * track for jog, track in tracks[row].items()
        }
        at += max(GAP, 2 * HEAD + TRACK * max(tracks[row].values()) if tracks[row] else 0.0)
    starts[bottom] = at
    length = at + extents[bottom].length + (0.0 if leaves_at_side(sizes, tree) else STRIP + 2)
    right_end = max(spine + extent.right for spine, extent in zip(spines, extents, strict=True))
    left_end = max(extent.left - spine for spine, extent in zip(spines, extents, strict=True))
    exit = right_end + LANE
    found = UColumns(spines, starts, placed, lanes, exit)
    return found, Extent(left_end, exit + 2 if leaving else right_end, length)


def leaves_at_side(sizes: Sizes, tree: UShape) -> bool:
    """Return whether the bottom of a U is a closed box, which its value leaves at the right side."""
    part = tree.parts[tree.bottom]
    return isinstance(part, Leaf) and part.name not in sizes.plan.open_boxes


def _anchor(tree: UShape, row: int, reaches: Mapping[Leg, Reach]) -> Reach:
    """Return the reach of the line that leads straight across a level."""
    last = len(tree.parts) - 1
    found = [
        reach
        for leg, reach in reaches.items()
        if leg.change is not None and leg.change.start == row and leg.change.end == last - row
    ]
    return min(found, default=Reach(0.0, 0.0))


def _needs_lane(tree: UShape, leg: Leg, reaches: Mapping[Leg, Reach], anchors: Sequence[Reach]) -> bool:
    """Return whether a leg leads across the U, and neither straight nor through the gap below its level."""
    assert leg.change is not None
    _, start, end = leg.change
    row = 2 * tree.bottom - end
    if not start < tree.bottom < end:
        return False
    if row != start:
        return True
    if leg not in reaches:
        return leg.from_side or leg.changes_beside or leg.side is not None
    below, before = reaches[leg]
    return abs(below - before - anchors[row].below + anchors[row].before) > 0.01


def _across(sizes: Sizes, tree: UShape, values: list[str]) -> tuple[list[float], dict[str, float]]:
    """Return the positions of the spines of all parts, and of the lanes of *values*, across the flow."""
    bottom = tree.bottom
    extents = [sizes.extents[part] for part in tree.parts]
    edge = max(extent.right for extent in extents[:bottom])
    lanes = {value: edge + BESIDE + TRACK * number for number, value in enumerate(values)}
    between = max(ACROSS, 2 * BESIDE + TRACK * len(values))
    right = edge + between + max(extent.left for extent in extents[bottom + 1 :])
    low = extents[bottom]
    if leaves_at_side(sizes, tree):
        right = max(right, low.left + low.right + 2 * ENTRY + HEAD)
        spine = (right + low.left - low.right + HEAD - ENTRY) / 2
    else:
        spine = max(0.0, (right - low.right + low.left) / 2 - LANE)
        right = max(right, spine + low.right + LANE)
    return [0.0] * bottom + [spine] + [right] * bottom, lanes


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
        row = 2 * tree.bottom - end
        if not start < tree.bottom < end:  # along a column
            if start != tree.bottom and gap == min(start, row) and leg.side is None:
                add(leg.value, leaves(leg, start), enters(leg, end))
            continue
        beside = leg.from_side or leg.changes_beside
        if gap == row == start and not beside and leg.side is None:
            add(leg.value, leaves(leg, start), enters(leg, end))
            continue
        if gap == start and not beside:
            add(leg.value, leaves(leg, start), lanes[leg.value])
        if gap == row and leg.side is None:
            add(leg.value, lanes[leg.value], enters(leg, end))
    return found


__all__ = ["leaves_at_side", "u_columns"]
