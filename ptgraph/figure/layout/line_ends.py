"""Line ends: where across the flow, from the spine of a part, the line of a value enters and leaves that part.

They need the sizes of what is in the part, and the lanes of a series before its stack.
"""

from __future__ import annotations

from collections.abc import Mapping

from ptgraph.figure.layout.routing_plan import Hop, Leg, OpenBox
from ptgraph.figure.layout.sizes import Sizes
from ptgraph.figure.layout.spacing import BESIDE, ENTRY
from ptgraph.figure.layout.tree import Leaf, Parallel, Series, Tree, UShape


def port_position(sizes: Sizes, box: OpenBox, port: str) -> float:
    """Return how far from the spine of its open box a port is."""
    return sum(
        (sizes.columns[tree].spines[number] for tree, number in box.paths[port] if isinstance(tree, Parallel)), 0.0
    )  # the left column of a U stands on its spine


def entry_position(sizes: Sizes, tree: Tree, leg: Leg) -> float:
    """Return where *leg* enters *tree* from above."""
    if isinstance(tree, UShape):
        return entry_position(sizes, tree.parts[0], leg)
    if isinstance(tree, Leaf):
        inside = sizes.plan.open_boxes.get(tree.name)
        if inside is not None and leg.value in inside.ports:
            return port_position(sizes, inside, inside.ports[leg.value])
        return sizes.entries.get((tree.name, leg), 0.0)
    if isinstance(tree, Parallel):
        number = _column(sizes, tree, leg, leg.target)
        return sizes.columns[tree].spines[number] + entry_position(sizes, tree.parts[number], leg)
    hop = next(hop for hop in (*leg.hops_after, *leg.hops) if hop.series is tree)
    return sizes.lanes[tree].at[leg.value, -1] if hop.end > 0 else entry_position(sizes, tree.parts[0], leg)


def exit_position(sizes: Sizes, tree: Tree, leg: Leg) -> float:
    """Return where *leg* leaves *tree*."""
    if isinstance(tree, UShape):
        u = sizes.u_columns[tree]
        if not tree.rising:
            return u.exit
        return u.spines[tree.last] + exit_position(sizes, tree.parts[tree.last], leg)
    if isinstance(tree, Leaf):
        inside = sizes.plan.open_boxes.get(tree.name)
        if inside is None:
            return 0.0
        inner = next(inner for inner in inside.legs.values() if inner.value == leg.value and inner.target is None)
        return exit_position(sizes, inside.tree, inner)
    if isinstance(tree, Parallel):
        number = _column(sizes, tree, leg, leg.source)
        return sizes.columns[tree].spines[number] + exit_position(sizes, tree.parts[number], leg)
    hop = next((hop for hop in leg.hops if hop.series is tree), None)
    if hop is not None and hop.jumps and not leg.leaves_column(hop):
        return sizes.lanes[tree].at[leg.value, hop.start]
    return exit_position(sizes, tree.parts[hop.start if hop is not None else -1], leg)


def leaving_positions(sizes: Sizes, box: OpenBox) -> list[float]:
    """Return where across the flow values leave a box at its end."""
    legs = [leg for leg in box.legs.values() if leg.target is None and leg.source is not None and not leg.from_side]
    return [exit_position(sizes, box.tree, leg) for leg in legs]


def _column(sizes: Sizes, tree: Parallel, leg: Leg, name: str | None) -> int:
    """Return the number of the part of *tree* that a box, or the port by which *leg* enters, is in."""
    box = sizes.plan.open_boxes[leg.box]
    path = box.paths[box.ports[leg.value] if name is None else name]
    return next(number for step, number in path if step is tree)


def jogs(sizes: Sizes, tree: Series, number: int, leg: Leg, hop: Hop) -> list[tuple[float, float]]:
    """Return from where to where across the flow *hop* jogs in the gap after the part *number*."""
    parts, lanes = tree.parts, sizes.lanes[tree]
    if leg.leaves_column(hop):
        beside = lanes.right + BESIDE / 2
        return [(exit_position(sizes, parts[number], leg), beside)] if hop.start == number else []
    found: list[tuple[float, float]] = []
    if hop.start == number and hop.end < len(parts) and not hop.jumps:
        begin = exit_position(sizes, parts[number], leg)
        found.append((begin, _end_of_jog(sizes, parts[hop.end], leg, begin)))
    elif hop.start == number and hop.jumps:
        found.append((exit_position(sizes, parts[number], leg), lanes.at[leg.value, number]))
    if hop.jumps and not leg.ends_at_side(hop) and hop.end - 1 == number and hop.end < len(parts):
        begin = lanes.at[leg.value, hop.start]
        found.append((begin, _end_of_jog(sizes, parts[hop.end], leg, begin)))
    return found


def _end_of_jog(sizes: Sizes, part: Tree, leg: Leg, begin: float) -> float:
    """Return where *leg* enters *part*. It enters a sign at the side, with no jog before, if it comes from there."""
    if isinstance(part, Leaf) and sizes.boxes[part.name].round and abs(begin) > sizes.boxes[part.name].across / 2:
        return begin
    return entry_position(sizes, part, leg)


def spread(wanted: Mapping[str, float], reach: float) -> dict[str, float]:
    """Return positions as near to those *wanted* as they can be within *reach* of 0, ENTRY apart if there is room."""
    ranked = sorted(wanted, key=lambda value: (wanted[value], value))
    step = min(ENTRY, 2 * reach / (len(ranked) - 1))
    at = [min(max(wanted[value], -reach), reach) for value in ranked]
    for k in range(1, len(at)):
        at[k] = max(at[k], at[k - 1] + step)
    for k in range(len(at) - 1, -1, -1):
        at[k] = min(at[k], reach - (len(at) - 1 - k) * step)
    return dict(zip(ranked, at, strict=True))


__all__ = ["entry_position", "exit_position", "jogs", "leaving_positions", "port_position", "spread"]
