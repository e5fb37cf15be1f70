"""Routing plan: what stands in which open box, and past which parts each value is routed. It has no coordinates."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from ptgraph.figure.layout.tree import Parallel, Series, Tree, TreePath, UShape

EntrySide = Literal["left", "right"]
Wire = tuple[
    str, str | None, str | None
]  # a value, and the parts of an open box between which it flows (None: outside)


class Edge(NamedTuple):
    """A value that flows between two closed boxes."""

    source: str
    target: str


@dataclass(frozen=True, eq=False)
class Hop:
    """The part of a leg in one series: from after part *start* (-1: from its beginning) to before part *end*."""

    series: Series
    start: int
    end: int

    @property
    def jumps(self) -> bool:
        """Whether it leads past other parts."""
        return self.end > self.start + 1


class ColumnChange(NamedTuple):
    """A change from one part of *around* to another, by their numbers."""

    around: Parallel | UShape
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Leg:
    """The route of a *value* within one open box, between two parts of it; None is the outside of the box.

    *side* is where it enters its target, None for the top. *hops* lead to the change of column, if there is one, and
    *hops_after* on from that. *from_side*: it leaves its source at the right side. *leaves* is the U that it comes out
    of, at the end of the flow.
    """

    box: str
    value: str
    source: str | None
    target: str | None
    side: EntrySide | None = None
    change: ColumnChange | None = None
    hops: tuple[Hop, ...] = ()
    hops_after: tuple[Hop, ...] = ()
    from_side: bool = False
    leaves: UShape | None = None

    def ends_at_side(self, hop: Hop) -> bool:
        """Return whether *hop* ends at the right side of the target."""
        return self.side == "right" and hop is (self.hops_after or self.hops)[-1]

    def leaves_column(self, hop: Hop) -> bool:
        """Return whether *hop* leaves a column for the one beside it, straight from the gap after its source."""
        change = self.change
        return change is not None and hop.series is change.around.parts[change.start] and hop.start < hop.end - 1

    @property
    def changes_beside(self) -> bool:
        """Whether it changes the column beside the parts after its source, not below the whole column."""
        return bool(self.hops) and self.leaves_column(self.hops[-1])


@dataclass(frozen=True)
class OpenBox:
    """The inside of an open box: the tree of its parts and ports, and what flows in it.

    *ports* maps each value that enters from above to its port; *paths* has the path in the tree of each part and port.
    """

    ports: dict[str, str]
    tree: Tree
    paths: dict[str, TreePath]
    legs: dict[Wire, Leg] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The open boxes, outermost first, the legs of each edge in order, and the stubs of closed boxes.

    *shapes* maps a box to the shape of its value.
    """

    root: str
    open_boxes: dict[str, OpenBox]
    edges: dict[Edge, list[Leg]]
    shapes: dict[str, str]
    stubs: dict[str, tuple[str, ...]]

    @cached_property
    def legs(self) -> tuple[Leg, ...]:
        """All legs, those of the outermost box first."""
        return tuple(leg for box in self.open_boxes.values() for leg in box.legs.values())

    @cached_property
    def hops(self) -> dict[Series, list[tuple[Leg, Hop]]]:
        """The hops in each series, with their legs."""
        found: dict[Series, list[tuple[Leg, Hop]]] = {}
        for leg in self.legs:
            for hop in (*leg.hops, *leg.hops_after):
                found.setdefault(hop.series, []).append((leg, hop))
        return found

    @cached_property
    def changes(self) -> dict[Parallel | UShape, list[Leg]]:
        """The legs from one column to another, by what the columns are in."""
        found: dict[Parallel | UShape, list[Leg]] = {}
        for leg in self.legs:
            if leg.change is not None:
                found.setdefault(leg.change.around, []).append(leg)
        return found

    @cached_property
    def into(self) -> dict[str, list[Leg]]:
        """The legs by the part that they lead to."""
        found: dict[str, list[Leg]] = {}
        for leg in self.legs:
            if leg.target is not None:
                found.setdefault(leg.target, []).append(leg)
        return found

    @cached_property
    def out_of(self) -> dict[str, list[Leg]]:
        """The legs by the part that they come from."""
        found: dict[str, list[Leg]] = {}
        for leg in self.legs:
            if leg.source is not None:
                found.setdefault(leg.source, []).append(leg)
        return found


__all__ = ["ColumnChange", "Edge", "EntrySide", "Hop", "Leg", "OpenBox", "Plan", "Wire"]
