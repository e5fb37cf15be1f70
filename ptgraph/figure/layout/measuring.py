"""Measuring: the size of every part of a figure, from the inside out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import replace
from itertools import zip_longest

from ptgraph.figure.layout.channel_routing import Jog, assign_tracks
from ptgraph.figure.layout.columns import columns
from ptgraph.figure.layout.line_ends import exit_position, jogs, leaving_positions, port_position, spread
from ptgraph.figure.layout.routing_plan import Hop, Leg, OpenBox, Plan
from ptgraph.figure.layout.sizes import BoxSize, Extent, Lanes, Sizes, Stack, TitleSize
from ptgraph.figure.layout.spacing import GAP, HEAD, LANE, PAD, TRACK
from ptgraph.figure.layout.tree import Leaf, Parallel, Series, Tree, UShape, leaf_names, parts_of
from ptgraph.figure.layout.u_shape.columns import u_columns
from ptgraph.figure.layout.u_shape.levels import align


def measure(
    plan: Plan, boxes: Mapping[str, BoxSize], titles: Mapping[str, TitleSize], turned: Set[str], *, title_first: bool
) -> Sizes:
    """Return the sizes of all parts of *plan*, by those of its closed *boxes* and the *titles* of its frames.

    The boxes *turned* flow against the figure. *title_first*: titles stand before the parts along the flow of the
    figure, not beside them.
    """
    ports = {port: BoxSize(0.0, 0.0, 1.0, 1.0) for box in plan.open_boxes.values() for port in box.ports.values()}
    heights = {name: title.height if title_first else 0.0 for name, title in titles.items()}
    sizes = Sizes(plan, {**boxes, **ports}, heights, titles if title_first else {})
    for name, box in reversed(plan.open_boxes.items()):  # the inner ones first
        _measure(sizes, box, box.tree)
        if name in titles:
            past = leaving_positions(sizes, box) if name in turned else _entering(sizes, box)
            if isinstance(box.tree, UShape) and box.tree.rising:
                past = []  # the title stands between the lines
            sizes.boxes[name] = _frame_size(sizes, box, titles[name], past if title_first else None)
    return sizes


def _measure(sizes: Sizes, box: OpenBox, tree: Tree) -> None:
    """Add the sizes of *tree*, a part of *box*, and of what is in it."""
    if isinstance(tree, Leaf):
        size = sizes.boxes[tree.name]
        sizes.extents[tree] = Extent(size.left, size.right, size.along + size.after)
        return
    if isinstance(tree, Parallel) and not tree.across:
        sizes.boxes.update(_level(sizes, tree))
    if isinstance(tree, UShape):
        align(sizes, tree)
    for part in parts_of(tree):
        _measure(sizes, box, part)
    if isinstance(tree, Parallel):
        sizes.columns[tree], sizes.extents[tree] = columns(sizes, box, tree)
        return
    if isinstance(tree, UShape):
        sizes.u_columns[tree], sizes.extents[tree] = u_columns(sizes, box, tree)
        return
    left = max((sizes.extents[part].left for part in tree.parts), default=0.0)
    lanes = sizes.lanes[tree] = _lanes(sizes, tree)
    sizes.entries.update(_entries(sizes, tree))
    stack = sizes.stacks[tree] = _stack(sizes, box, tree)
    sizes.extents[tree] = Extent(left, lanes.right, stack.length)


def _entering(sizes: Sizes, box: OpenBox) -> list[float]:
    """Return where across the flow values enter a box from above."""
    return [port_position(sizes, box, port) for port in box.ports.values()]


def _frame_size(sizes: Sizes, box: OpenBox, title: TitleSize, past: list[float] | None) -> BoxSize:
    """Return the size of a frame, in which the lines at *past* lead past its title; None if that stands beside."""
    inside = sizes.extents[box.tree]
    left, right = inside.left + PAD, inside.right + PAD
    along = inside.length + 2 * PAD
    if past is None:
        left += title.height
        along = max(along, title.start + title.end + 2 * PAD)
    elif past:
        left = max(left, title.start + PAD - min(past))
        right = max(right, title.end + PAD + max(past))
        along += title.height
    else:
        right = max(right, title.start + title.end + PAD - left)
        along += title.height
    return BoxSize(left + right, along, left, right)


def _level(sizes: Sizes, tree: Parallel) -> dict[str, BoxSize]:
    """Return boxes in one row of branches with equal room for labels, so that what follows is in a row as well."""
    found: dict[str, BoxSize] = {}
    for row in zip_longest(*(part.parts if isinstance(part, Series) else [part] for part in tree.parts)):
        names = [part.name for part in row if isinstance(part, Leaf) and part.name not in sizes.plan.open_boxes]
        boxes = {name: sizes.boxes[name] for name in names}
        if len({box.along for box in boxes.values()}) == 1:
            after = max(box.after for box in boxes.values())
            found.update((name, replace(box, after=after)) for name, box in boxes.items())
    return found


def _lanes(sizes: Sizes, tree: Series) -> Lanes:
    """Give each value that leads past parts a lane beside them; the longer ones are further out."""
    extents = [sizes.extents[part] for part in tree.parts]
    right = max((extent.right for extent in extents), default=0.0)
    spans: dict[tuple[str, int], int] = {}
    for leg, hop in sizes.plan.hops.get(tree, ()):
        if hop.jumps and not leg.leaves_column(hop):
            key = leg.value, hop.start
            spans[key] = max(spans.get(key, 0), hop.end if leg.ends_at_side(hop) else hop.end - 1)
    found: dict[tuple[str, int], float] = {}
    done: list[tuple[int, int, float]] = []
    for (value, start), last in sorted(spans.items(), key=lambda span: (span[1] - span[0][1], span[0][1])):
        at = max(extent.right for extent in extents[start + 1 : last + 1]) + LANE
        while any(abs(u - at) < TRACK and start <= end and begin <= last for begin, end, u in done):
            at += TRACK + 1
        at = max([at, *(u + TRACK + 1 for begin, end, u in done if start + 1 <= end and begin <= last)])
        done.append((start, last, at))
        found[value, start] = at
        right = max(right, at + 2)
    return Lanes(right, found)


def _entries(sizes: Sizes, tree: Series) -> dict[tuple[str, Leg], float]:
    """Let values enter a box from above where they come from, or as near as its width allows."""
    into: dict[int, list[tuple[Leg, Hop]]] = defaultdict(list)
    for leg, hop in sizes.plan.hops.get(tree, ()):
        if not leg.ends_at_side(hop) and hop.start >= 0:
            into[hop.end].append((leg, hop))
    found: dict[tuple[str, Leg], float] = {}
    for number, part in enumerate(tree.parts):
        if not isinstance(part, Leaf) or part.name in sizes.plan.open_boxes or sizes.boxes[part.name].round:
            continue
        sources = {leg.value: _comes_from(sizes, tree, leg, hop) for leg, hop in into[number]}
        if len(sources) > 1:
            positions = spread(sources, 0.4 * sizes.boxes[part.name].across)
            found.update(((part.name, leg), positions[leg.value]) for leg, _ in into[number])
    return found


def _comes_from(sizes: Sizes, tree: Series, leg: Leg, hop: Hop) -> float:
    if hop.jumps:
        return sizes.lanes[tree].at[leg.value, hop.start]
    return exit_position(sizes, tree.parts[hop.start], leg)


def _stack(sizes: Sizes, box: OpenBox, tree: Series) -> Stack:
    """Return where the parts stand, with gaps between them as long as the tracks in them need."""
    gaps: dict[int, list[tuple[Leg, Hop]]] = defaultdict(list)  # the gap after which part → what begins or ends in it
    for leg, hop in sizes.plan.hops.get(tree, ()):
        for gap in dict.fromkeys((hop.start, hop.end - 1)):
            gaps[gap].append((leg, hop))
    starts: list[float] = []
    ends: list[float] = []
    tracks: dict[tuple[int, str, float], float] = {}
    length = 0.0
    for number, part in enumerate(tree.parts):
        starts.append(length)
        length += sizes.extents[part].length
        ends.append(length)
        if number < len(tree.parts) - 1:
            after_port = set(leaf_names(part)) <= set(box.ports.values())
            found = _tracks(sizes, tree, number, gaps[number], lead=1.0 if after_port else 4.0)
            tracks |= {(number, *jog): distance for jog, distance in found.items()}
            if found:
                length += max(GAP - 2 * after_port, max(found.values()) + HEAD)
            else:
                length += 2.0 if after_port else GAP
    return Stack(starts, ends, tracks, length)


def _tracks(sizes: Sizes, tree: Series, number: int, hops: list[tuple[Leg, Hop]], lead: float) -> dict[Jog, float]:
    """Return the distance of the track of each jog after the part *number*; the first track has that of *lead*."""
    found: dict[Jog, list[float]] = {}
    for leg, hop in hops:
        for begin, end in jogs(sizes, tree, number, leg, hop):
            if abs(begin - end) > 0.01:
                found.setdefault(Jog(leg.value, begin), []).append(end)
    return {jog: lead + TRACK * track for jog, track in assign_tracks(found).items()}


__all__ = ["measure"]
