"""Fit to the page: which boxes of a figure are open and which way it flows, so that it is no wider than asked.

No text is set smaller than can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from ptgraph.figure.box_text import BROAD, NARROW, NOTE, SMALLEST, TIGHT, TIGHTEST
from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.layout import Geometry, geometry
from ptgraph.figure.options import Direction, FigureOptions, Shown, points
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import BOX_LIMIT, Box

PAGE_HEIGHT = 234 * 72 / 25.4  # of the text of a page, in points
_LEAST = SMALLEST / NOTE  # the least scale at which a figure can be read
_COLUMNS = "in columns"


@dataclass(frozen=True)
class Fitted:
    """The layout of a figure at full size, the scale at which it is set, which boxes are open, and its direction."""

    geometry: Geometry
    scale: float
    opened: set[str]
    direction: Direction


def fit(figure: FigureGraph, graph: ModelGraph, depth: int | None, options: FigureOptions) -> Fitted:
    """Return the figure that fits the width of *options*, with *depth* levels open, or None for as many as fit.

    A figure that does not fit flows the other way, or is less deep, and if a direction is asked for, rather is less
    deep; then it shows less of what *options* name, the last first. Only if none of that helps is its text smaller
    than can be read.
    """
    directions: tuple[Direction, ...] = ("LR", "TB") if options.direction == "LR" else ("TB", "LR")
    asked = options.direction is not None
    for count in range(len(options.show), -1, -1):
        fitting = _Fitting(figure, graph, points(options.width), options.show[:count], directions)
        found = fitting.readable(depth, one_way_first=asked)
        if found is not None:
            return found
    bare = _Fitting(figure, graph, points(options.width), (), directions)
    closed = (bare.laid_out({figure.root}, direction, titles=(TIGHT, TIGHTEST)) for direction in directions)
    return max(closed, key=lambda one: one.scale)


def opened_boxes(figure: FigureGraph, graph: ModelGraph, depth: int | None, options: FigureOptions) -> set[str]:
    """Return the boxes that are open with *depth* levels, or None for as many as fit the width of *options*."""
    return figure.at_depth(depth) if depth is not None else fit(figure, graph, None, options).opened


@dataclass(frozen=True)
class _Fitting:
    """A figure that is to be no wider than *width* points and flows in the first of *directions* in which it fits."""

    figure: FigureGraph
    graph: ModelGraph
    width: float
    show: Sequence[Shown]
    directions: tuple[Direction, ...]

    def readable(self, depth: int | None, *, one_way_first: bool) -> Fitted | None:
        """Return the figure in which all text can be read, or None if there is none."""
        if depth is None:
            for direction in self.directions:
                grown = self._grown(direction)
                if grown.scale >= _LEAST:
                    return grown
        levels = self._levels(depth or 1)[::-1]
        choices = [(opened, direction) for opened in levels for direction in self.directions]
        if one_way_first:
            choices = [(opened, direction) for direction in self.directions for opened in levels]
        for opened, direction in choices:
            tried = self.laid_out(opened, direction)
            if tried.scale >= _LEAST:
                return tried
        return None

    def laid_out(
        self,
        opened: set[str],
        direction: Direction,
        height: float = float("inf"),
        titles: tuple[float, ...] = (BROAD, NARROW),
    ) -> Fitted:
        """Return the figure with the first of *titles*, widths at which a title is broken, that fits, or the last.

        What flows down may be a U; one that is too wide flows in one direction instead.
        """
        for u_shapes, broad in product((True, False) if direction == "TB" else (False,), titles):
            found = geometry(self.figure, self.graph, opened, direction, self.show, broad, u_shapes=u_shapes)
            if found.width * _LEAST <= self.width or (broad == titles[-1] and not found.has_u):
                break
        scale = min(1.0, self.width / found.width, height / found.height)
        return Fitted(found, scale, opened, direction)

    def _levels(self, depth: int) -> list[set[str]]:
        """Return the open boxes at each level down to *depth*, or to the last level that opens a box."""
        found: list[set[str]] = []
        for level in range(1, depth + 1):
            opened = self.figure.at_depth(level)
            if opened in found:
                break
            found.append(opened)
        return found

    def _grown(self, direction: Direction) -> Fitted:
        """Return the figure with the biggest boxes open, as many as fit a page; those of one kind open together.

        Where all of a kind do not fit, the biggest of them opens alone.
        """
        best = self.laid_out({self.figure.root, *self.figure.start}, direction, PAGE_HEIGHT)
        done: set[tuple[str, ...]] = set()  # kinds of which one box is open for all
        refused: set[str | None] = set()  # the parents of boxes that do not fit: no smaller ones open in them
        while best.scale >= _LEAST:
            kinds = {
                kind: boxes
                for kind, boxes in self._kinds(best.opened, best.geometry.columns).items()
                if kind not in done and not any(box.parent in refused for box in boxes)
            }
            if not kinds:
                break
            kind = max(kinds, key=lambda kind: sum(self._size(box) for box in kinds[kind]))
            deeper = self._deeper(best, kinds[kind], direction)
            if deeper is None and kind[0] != _COLUMNS:
                deeper = self._deeper(best, [max(kinds[kind], key=self._size)], direction)
                done.add(kind)
            if deeper is None:
                refused.update(box.parent for box in kinds[kind])
            best = deeper or best
        return best

    def _deeper(self, fitted: Fitted, boxes: list[Box], direction: Direction) -> Fitted | None:
        """Return the figure with *boxes* open too, if it fits."""
        opened = fitted.opened | {box.id for box in boxes}
        if len(self.figure.visible(opened)) > BOX_LIMIT:
            return None
        tried = self.laid_out(opened, direction, PAGE_HEIGHT)
        return tried if tried.scale >= _LEAST else None

    @staticmethod
    def _size(box: Box) -> float:
        return box.params or box.flops / 1e3

    def _kinds(self, opened: set[str], columns: Sequence[tuple[str, str]]) -> dict[tuple[str, ...], list[Box]]:
        """Return the closed boxes that are worth opening, by kind.

        An encoder and its decoder are of one kind, and so are their layers.
        """
        inside = {column for pair in columns for column in pair}
        found: dict[tuple[str, ...], list[Box]] = {}
        for name in self.figure.visible(opened):
            box = self.figure.boxes[name]
            if box.parts and self._worth_opening(box):
                around = self.figure.chain(name)
                above = next(self.figure.boxes[at] for at in around[1:] if self.figure.boxes[at].kind != "pattern")
                kind = box.subtitle, above.subtitle
                if inside.intersection(around):
                    level = str(len(around)) if name in inside or box.repeat > 1 else box.subtitle
                    kind = _COLUMNS, level
                found.setdefault(kind, []).append(box)
        return found

    def _worth_opening(self, box: Box) -> bool:
        """Return whether the parts of a box say more than its name: they are modules, and not mostly operations."""
        parts = [self.figure.boxes[part] for part in box.parts]
        modules = [part for part in parts if part.kind == "module"]
        details = [p for p in parts if p.kind != "module" and p.id not in self.figure.signs and not p.flops]
        if len(parts) == 1 and not parts[0].parts:
            return False
        return bool(modules) and box.category != "Normalization" and len(details) <= len(modules) + 1


__all__ = ["PAGE_HEIGHT", "Fitted", "fit", "opened_boxes"]
