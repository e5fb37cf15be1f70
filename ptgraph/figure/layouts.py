"""Layouts: how a figure is laid out before it is fitted to a page, with other boxes open, and in another direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import networkx as nx

from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.dot.geometry import dot_geometry
from ptgraph.figure.layout.grid.geometry import grid_geometry
from ptgraph.figure.layout.layout import Geometry, geometry
from ptgraph.figure.layout.planning import plan
from ptgraph.figure.layout.routing_plan import Plan
from ptgraph.figure.options import Direction, Layout, Shown
from ptgraph.figure.output_brackets import bracketed
from ptgraph.figure.page_columns import Cutting
from ptgraph.graph.model import ModelGraph


@dataclass(frozen=True)
class Layouts:
    """The layouts of a figure before it is fitted to a page; each is made once."""

    figure: FigureGraph
    graph: ModelGraph
    layout: Layout = "auto"
    _made: dict[tuple[object, ...], Cutting] = field(default_factory=dict)
    _drawn: dict[frozenset[str], FigureGraph] = field(default_factory=dict)
    _planned: dict[tuple[frozenset[str], bool], Plan] = field(default_factory=dict)

    def __call__(
        self, opened: set[str], direction: Direction, show: Sequence[Shown], broads: Sequence[float]
    ) -> Iterator[Cutting]:
        """Yield layouts with titles as broad as each of *broads*: with U shapes, if there are any, and then without.

        Each knows where it can be cut into columns, or rows; a block ×N is not cut. If a U is asked for, no layout is
        without those that there are.
        """
        for u_shapes in self._u_shapes(direction):
            for broad in broads:
                key = frozenset(opened), direction, show, broad, u_shapes
                if key not in self._made:
                    plain = self._laid_out(opened, direction, show, broad, u_shapes=u_shapes)
                    whole = {name for name in plain.frames if self.figure.boxes[name].repeat > 1}
                    self._made[key] = Cutting(plain, direction == "TB", whole, self.layout != "dot")
                yield self._made[key]
            if not self._made[key].geometry.has_u:
                return

    def drawn(self, opened: set[str]) -> FigureGraph:
        """Return the graph that is drawn with the boxes *opened*: with brackets for many outputs of one box."""
        key = frozenset(opened)
        if key not in self._drawn:
            self._drawn[key] = bracketed(self.figure, opened)
        return self._drawn[key]

    def _plan(self, opened: set[str], *, u_shapes: bool) -> Plan:
        """Return the plan of the lines with the boxes *opened*: it is the same however broad titles are."""
        key = frozenset(opened), u_shapes
        if key not in self._planned:
            self._planned[key] = plan(self.drawn(opened), opened, u_shapes=u_shapes)
        return self._planned[key]

    def without_u(self) -> Layouts:
        """Return the layouts in which nothing is a U."""
        return Layouts(self.figure, self.graph, "flow")

    @cached_property
    def _gives_several(self) -> bool:
        """Whether boxes of a figure are outputs of different values, such as one for each level of a U."""
        outputs = (flow.source for flow in self.figure.flows if self.figure.boxes[flow.target].kind == "output")
        return len({*outputs}) > 1

    def _u_shapes(self, direction: Direction) -> tuple[bool, ...]:
        if direction == "LR" or self.layout in ("flow", "dot"):
            return (False,)
        return (True,) if self.layout == "u" else (True, False)

    def _laid_out(
        self, opened: set[str], direction: Direction, show: Sequence[Shown], broad: float, *, u_shapes: bool
    ) -> Geometry:
        """Return one layout: that of Graphviz if it is asked for, or if values flow in a circle between boxes."""
        figure = self.drawn(opened)
        if self.layout != "dot":
            try:
                found = geometry(figure, self.graph, self._plan(opened, u_shapes=u_shapes), direction, show, broad)
                if u_shapes and (not found.has_u or self._gives_several or len(opened) > 1):
                    return grid_geometry(figure, self.graph, opened, show, broad) or found
                return found
            except nx.NetworkXUnfeasible:
                pass
        return dot_geometry(figure, self.graph, opened, direction, show, broad)


__all__ = ["Layouts"]
