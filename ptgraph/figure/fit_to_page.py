"""What of a figure is open and which way it flows, so that it fits: no wider than asked, no text too small to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ptgraph.figure.box_text import BROAD, NARROW, NOTE, SMALLEST, TIGHT, TIGHTEST
from ptgraph.figure.layout.layout import Geometry, geometry
from ptgraph.figure.options import Direction, FigureOptions, Shown, points
from ptgraph.figure.simplify import FigureGraph
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import BOX_LIMIT, Box

PAGE_HEIGHT = 234 * 72 / 25.4  # of the text of a page, in points
_LEAST = SMALLEST / NOTE  # how much smaller than at full size a figure may be set
_COLUMNS = "in columns"


@dataclass(frozen=True)
class Fitted:
    """Where everything stands at full size, by how much smaller it is set, and which boxes are open."""

    geometry: Geometry
    scale: float
    opened: set[str]
    direction: Direction


def fit(sketch: FigureGraph, graph: ModelGraph, depth: int | None, options: FigureOptions) -> Fitted:
    """Return the figure of *sketch* that fits the width of *options*, as deep as *depth* or as shows most.

    What does not fit flows the other way, or is less deep, and if a direction is asked for, rather is less deep; only
    what even so does not fit is set as small as it must.
    """
    return _Fitting(sketch, graph, options).best(depth)


class _Fitting:
    def __init__(self, sketch: FigureGraph, graph: ModelGraph, options: FigureOptions) -> None:
        self.sketch = sketch
        self.graph = graph
        self.width = points(options.width)
        self.show: Sequence[Shown] = options.show
        self.asked = options.direction is not None
        self.directions: tuple[Direction, ...] = ("LR", "TB") if options.direction == "LR" else ("TB", "LR")

    def best(self, depth: int | None) -> Fitted:
        for count in range(len(self.show), -1, -1):  # what is named last is the first to go
            self.show = self.show[:count]
            found = self._readable(depth)
            if found is not None:
                return found
        closed = (self._try({self.sketch.root}, direction, titles=(TIGHT, TIGHTEST)) for direction in self.directions)
        return max(closed, key=lambda one: one.scale)

    def _readable(self, depth: int | None) -> Fitted | None:
        """Return the figure in which all can be read, or None if there is none that says what is to be shown."""
        if depth is None:
            for direction in self.directions:
                grown = self._grown(direction)
                if grown.scale >= _LEAST:
                    return grown
        levels = self._levels(depth or 1)[::-1]
        ways = [(opened, direction) for opened in levels for direction in self.directions]
        if self.asked:  # less deep that way rather than the other way
            ways = [(opened, direction) for direction in self.directions for opened in levels]
        for opened, direction in ways:
            tried = self._try(opened, direction)
            if tried.scale >= _LEAST:
                return tried
        return None

    def _try(
        self,
        opened: set[str],
        direction: Direction,
        height: float = float("inf"),
        titles: tuple[float, ...] = (BROAD, NARROW),
    ) -> Fitted:
        """Return the figure with *titles* as broad as the width allows."""
        for broad in titles:
            drawn = geometry(self.sketch, self.graph, opened, direction, self.show, broad)
            if drawn.width * _LEAST <= self.width:
                break
        scale = min(1.0, self.width / drawn.width, height / drawn.height)
        return Fitted(drawn, scale, opened, direction)

    def _levels(self, depth: int) -> list[set[str]]:
        """Return which boxes are open at each level, as far as *depth* or as there is something to open."""
        found: list[set[str]] = []
        for level in range(1, depth + 1):
            opened = self.sketch.at_depth(level)
            if opened in found:
                break
            found.append(opened)
        return found

    def _grown(self, direction: Direction) -> Fitted:
        """Open the biggest boxes first, all of one kind together, as long as the figure stays within a page.

        Where all of a kind are too many, the biggest of them shows what is in each.
        """
        best = self._try({self.sketch.root, *self.sketch.start}, direction, PAGE_HEIGHT)
        done: set[tuple[str, ...]] = set()  # kinds of which no more is opened
        refused: set[str | None] = set()  # what is around boxes that do not fit: no smaller ones open in it
        while best.scale >= _LEAST:
            kinds = {
                kind: boxes
                for kind, boxes in self._kinds(best.opened, best.geometry.columns)
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
        if len(self.sketch.visible(opened)) > BOX_LIMIT:
            return None
        tried = self._try(opened, direction, PAGE_HEIGHT)
        return tried if tried.scale >= _LEAST else None

    @staticmethod
    def _size(box: Box) -> float:
        return box.params or box.flops / 1e3

    def _kinds(
        self, opened: set[str], columns: Sequence[tuple[str, str]]
    ) -> Iterator[tuple[tuple[str, ...], list[Box]]]:
        """Yield the closed boxes that are worth opening, those of one kind together.

        An encoder and its decoder are of one kind, and so are their layers.
        """
        inside = {column for pair in columns for column in pair}
        found: dict[tuple[str, ...], list[Box]] = {}
        for name in self.sketch.visible(opened):
            box = self.sketch.boxes[name]
            if box.parts and self._worth(box):
                around = self.sketch.chain(name)
                above = next(self.sketch.boxes[at] for at in around[1:] if self.sketch.boxes[at].kind != "pattern")
                kind = box.subtitle, above.subtitle
                if inside.intersection(around):
                    level = str(len(around)) if name in inside or box.repeat > 1 else box.subtitle
                    kind = _COLUMNS, level
                found.setdefault(kind, []).append(box)
        yield from found.items()

    def _worth(self, box: Box) -> bool:
        """Return whether what is in a box says more than its name: modules, and not mostly operations."""
        parts = [self.sketch.boxes[part] for part in box.parts]
        modules = [part for part in parts if part.kind == "module"]
        details = [p for p in parts if p.kind != "module" and p.id not in self.sketch.signs and not p.flops]
        if len(parts) == 1 and not parts[0].parts:
            return False
        return bool(modules) and box.category != "Normalization" and len(details) <= len(modules) + 1


__all__ = ["PAGE_HEIGHT", "Fitted", "fit"]
