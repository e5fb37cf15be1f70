"""The levels of a U of boxes within boxes, as in a U-Net that is written from the inside out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import networkx as nx

from ptgraph.figure.layout.areas import Area
from ptgraph.figure.layout.tree import Tree, UShape
from ptgraph.figure.layout.u_shape.detection import around_part, nested_skip

_Nest = dict[str, tuple[Area | None, str]]  # a box → the area of a value that leads past a part of it, and that part


def bottoms(
    inside: Mapping[str, Sequence[str]],
    may_pass: Callable[[str], bool],
    arranged: Callable[[str], tuple[nx.DiGraph[str], Tree]],
    size: Callable[[str], int],
) -> dict[str, str]:
    """Return the part at the bottom of each open box that is a level of such a U.

    *inside* has the open boxes in each open box, the outermost first; *may_pass* says whether lines can enter and leave
    a box at its sides; *arranged* is the flow in a box, and its layers; *size* is the number of boxes in a box.
    """
    nests: dict[str, _Nest] = {}
    for name in reversed([*inside]):
        flow, tree = arranged(name)
        deeper = {part: nests[part] for part in inside[name] if nests[part]}
        inner = max(deeper, key=lambda part: len(deeper[part]), default=None)
        skip = nested_skip(tree, flow, inner, may_pass, size)
        if inner is not None:
            nests[name] = {name: skip or (None, inner), **deeper[inner]}
        else:
            nests[name] = {name: skip} if skip is not None else {}
    found: dict[str, str] = {}
    for name, nest in reversed([*nests.items()]):
        areas = [area for area, _ in nest.values() if area is not None]
        shrinks = len(areas) > 1 and all(outer.holds(inner) for outer, inner in pairwise(areas))
        rising = name in found.values()
        if nest and (shrinks or rising):
            flow, tree = arranged(name)
            part = nest[name][1]
            if isinstance(around_part(tree, flow, part, may_pass, rising=rising), UShape):
                found[name] = part
    return found


__all__ = ["bottoms"]
