"""The sizes of the parts of a figure, before they have a position.

Along the flow lies the axis *v*, across it *u*: down and to the right in a figure that flows down, the other way round
in one that flows to the right. Each part has a spine, at its own u of 0; boxes are centred on it. Lengths are in
points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ptgraph.figure.layout.routing_plan import Leg, Plan
from ptgraph.figure.layout.tree import Parallel, Series, Tree, UShape


@dataclass(frozen=True)
class BoxSize:
    """The size of a closed box, a frame or a port.

    The body, *across* by *along*, is centred on the spine, if the box is no frame. *left* and *right* are how far the
    box reaches from the spine with its stubs and label; *after* is the room below it for that label. *round* is a sign.
    """

    across: float
    along: float
    left: float
    right: float
    after: float = 0.0
    round: bool = False


@dataclass(frozen=True)
class TitleSize:
    """The height of the line of a frame's title, and the widths of what stands at its start and at its end."""

    height: float
    start: float
    end: float


@dataclass(frozen=True)
class Extent:
    """How far a part reaches to both sides of its spine, and its length along the flow."""

    left: float
    right: float
    length: float


@dataclass(frozen=True)
class Columns:
    """The parts of a parallel: the positions of their spines, from its own.

    *lanes* has the position across of each value that changes columns. *over* is the room above the columns, for a
    line from one of them to the top of another.
    """

    spines: list[float]
    lanes: dict[str, float] = field(default_factory=dict)
    over: float = 0.0


@dataclass(frozen=True)
class Lanes:
    """The lanes of a series: by value and the part after which it starts, its position beside the parts it leads past.

    *right* is how far the series reaches to the right with them.
    """

    right: float
    at: dict[tuple[str, int], float]


@dataclass(frozen=True)
class Stack:
    """The parts of a series along the flow: where each starts and ends, from the start of the series.

    *tracks* has, by the number of the part before the gap, the value, and where across the flow it comes from, the
    distance of its track from that part. *length* is that of the series.
    """

    starts: list[float]
    ends: list[float]
    tracks: dict[tuple[int, str, float], float]
    length: float


@dataclass(frozen=True)
class UColumns:
    """The parts of a U, from its spine, which is that of the left column, and from its beginning.

    *spines* and *starts* are the positions of the parts across the flow and of their beginnings along it; those of
    the right column begin below. *tracks* has, by the number of the gap below a level, the value, and where across
    the flow it comes from, the position of its track. *lanes* has by value the position of its lane between the
    columns. *exit* is the lane beside the right column for a value that leaves the U.
    """

    spines: list[float]
    starts: list[float]
    tracks: dict[tuple[int, str, float], float]
    lanes: dict[str, float]
    exit: float


@dataclass(frozen=True)
class Sizes:
    """The sizes of all parts of a plan. *entries* are the positions at which legs enter boxes from above, if not at 0.

    *title_heights* is the room of a frame before its parts, along the flow, *titles* the sizes of those before them.
    """

    plan: Plan
    boxes: dict[str, BoxSize]
    title_heights: dict[str, float]
    titles: Mapping[str, TitleSize]
    extents: dict[Tree, Extent] = field(default_factory=dict)
    columns: dict[Parallel, Columns] = field(default_factory=dict)
    lanes: dict[Series, Lanes] = field(default_factory=dict)
    stacks: dict[Series, Stack] = field(default_factory=dict)
    u_columns: dict[UShape, UColumns] = field(default_factory=dict)
    entries: dict[tuple[str, Leg], float] = field(default_factory=dict)


__all__ = ["BoxSize", "Columns", "Extent", "Lanes", "Sizes", "Stack", "TitleSize", "UColumns"]
