"""Fit to the page: which boxes of a figure are open and which way it flows, so that it is no larger than asked.

No text is set smaller than can be read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ptgraph.figure.box_text import BROAD, CLOSE, NARROW, NOTE, SMALLEST, TIGHT, TIGHTEST
from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.layout import Geometry
from ptgraph.figure.layouts import Layouts
from ptgraph.figure.opening import Kind, in_columns, kinds, one_for_all, size, with_several_values
from ptgraph.figure.options import Direction, FigureOptions, Shown, points
from ptgraph.figure.page_columns import Cutting
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import BOX_LIMIT, Box

LEAST = SMALLEST / NOTE  # the least scale at which a figure can be read
_SLENDER = 2.2  # a figure that is higher than so many widths is set in columns
_LONG = 330.0  # points: no shorter one is
_LONGER = 500.0  # points: no shorter one that fits is cut where several lines cross
_SHORTER = 0.75  # columns are at most so long, of what they are cut from
_COLUMNS, _ROWS = 8, 20  # at most
_DEEPEST = 9  # level at which a U is looked for
_WITHIN = 2  # levels of frames within each other around the levels of an encoder and a decoder
_BROADS = BROAD, NARROW
_OF_COLUMNS = BROAD, NARROW, CLOSE  # of boxes that stand beside others, which say as much
_FEW = 8  # a figure with fewer boxes opens those that are not worth it otherwise


@dataclass(frozen=True)
class Fitted:
    """The layout of a figure at full size, the scale at which it is set, which boxes are open, and its direction.

    ``show`` is what it says beside names.
    """

    geometry: Geometry
    scale: float
    opened: set[str]
    direction: Direction
    show: Sequence[Shown]


def fit(plain: Layouts, depth: int | None, options: FigureOptions) -> Fitted:
    """Return the figure that fits the size of *options*, with *depth* levels open, or None for as many as fit.

    A figure that does not fit is set in columns, flows the other way, or is less deep, and if a direction is asked
    for, rather is less deep; then it shows less of what *options* name, the last first. If none of that helps it is
    higher than asked. Only if it is still too wide then is its text smaller than can be read. If a U is asked for, it
    rather is less deep than no U.
    """
    if plain.layout == "u":
        return _with_u(plain, depth, options) or _fitted(plain.without_u(), depth, options)
    return _fitted(plain, depth, options)


def _fitted(plain: Layouts, depth: int | None, options: FigureOptions) -> Fitted:
    shown = [options.show[:count] for count in range(len(options.show), -1, -1)]
    long = depth is not None and options.height is None
    for show in shown:
        found = fitting(plain, options, show).readable(depth, long=long)
        if found is not None:
            return found
    for show in shown:
        found = fitting(plain, options, show).readable(1, long=True)
        if found is not None:
            return found
    return fitting(plain, options, ()).unreadable()


def _with_u(plain: Layouts, depth: int | None, options: FigureOptions) -> Fitted | None:
    """Return the figure in which something is a U, as deep as fits, or None if there is none that fits."""
    if options.direction == "LR":
        return None
    found = _fitted(plain, depth, replace(options, direction="TB"))
    if found.geometry.has_u and found.scale >= LEAST:
        return found
    for count in range(len(options.show), -1, -1):
        asked = fitting(plain, options, options.show[:count])
        for opened in asked.with_u(depth)[::-1]:
            tried = asked.laid_out(opened, "TB")
            if tried.scale >= LEAST:
                return tried
    return None


def opened_boxes(figure: FigureGraph, graph: ModelGraph, depth: int | None, options: FigureOptions) -> set[str]:
    """Return the boxes that are open with *depth* levels, or None for as many as fit the size of *options*."""
    return (
        figure.at_depth(depth)
        if depth is not None
        else fit(Layouts(figure, graph, options.layout), None, options).opened
    )


def fitting(plain: Layouts, options: FigureOptions, show: Sequence[Shown]) -> Fitting:
    """Return how a figure that says what is in *show* is fitted to the size of *options*."""
    directions: tuple[Direction, ...] = ("LR", "TB") if options.direction == "LR" else ("TB", "LR")
    return Fitting(
        plain, points(options.width), points(options.highest), tuple(show), directions, options.direction is not None
    )


@dataclass(frozen=True)
class Fitting:
    """A figure that is to be no larger than *width* by *height* points, and flows in the first of *directions* in
    which it fits; *asked*: it rather is less deep than that it flows in another.
    """

    plain: Layouts
    width: float
    height: float
    show: tuple[Shown, ...]
    directions: tuple[Direction, ...]
    asked: bool

    @property
    def figure(self) -> FigureGraph:
        """What is drawn."""
        return self.plain.figure

    def readable(self, depth: int | None, *, long: bool = False) -> Fitted | None:
        """Return the figure in which all text can be read, or None if there is none.

        *long*: it may be higher than asked.
        """
        if depth is None:
            for direction in self.directions:
                grown = self._grown(direction)
                if grown.scale < LEAST and self.asked:  # in columns that are not even
                    grown = self.laid_out(self.levels(1)[0], direction)
                if grown.scale >= LEAST:
                    return grown
        levels = self.levels(depth or 1)[::-1]
        choices = [(opened, self.directions) for opened in levels]
        if self.asked:
            choices = [(opened, (direction,)) for direction in self.directions for opened in levels]
        for opened, directions in choices:
            for direction in directions:
                tried = self.laid_out(opened, direction)
                if tried.scale >= LEAST:
                    return tried
            lowest = self.lowest(opened, directions) if long else None
            if lowest is not None:
                return lowest
        return None

    def lowest(self, opened: set[str], directions: Sequence[Direction]) -> Fitted | None:
        """Return the figure that is higher than it may be by the least, or None if it is too wide to be read."""
        sizes = ((one, direction) for direction in directions for one in self.choices(opened, direction, self.width))
        narrow = [(one, direction) for one, direction in sizes if one.width * LEAST <= self.width]
        if not narrow:
            return None
        found, direction = min(narrow, key=lambda size: size[0].height)
        scale = min(1.0, self.width / found.width, max(LEAST, self.height / found.height))
        return Fitted(found, scale, opened, direction, self.show)

    def unreadable(self) -> Fitted:
        """Return the figure with its first level open, at a scale at which it is no wider than it may be."""
        found = []
        opened = {self.figure.root}
        for direction in self.directions:
            for cuts in self.plain(opened, direction, self.show, (TIGHT, TIGHTEST)):
                one = cuts.geometry
                if one.width * LEAST <= self.width:
                    break
            found.append(Fitted(one, min(1.0, self.width / one.width), opened, direction, self.show))
        return max(found, key=lambda one: one.scale)

    def choices(self, opened: set[str], direction: Direction, widest: float = math.inf) -> Iterator[Geometry]:
        """Yield the layouts with the boxes *opened*: with titles in one line and in two, in one column and in more.

        There are no more columns than are no wider than *widest* points where the figure flows down.
        """
        for cuts in self.plain(opened, direction, self.show, (BROAD, NARROW)):
            yield cuts.geometry
            for columns in range(2, (_COLUMNS if cuts.down else _ROWS) + 1):
                cut = cuts.into(columns)
                if cut is None or (direction == "TB" and cut.geometry.width * LEAST > widest):
                    break
                yield cut.geometry

    def laid_out(
        self,
        opened: set[str],
        direction: Direction,
        *,
        even: bool = False,
        broads: Sequence[float] = _BROADS,
    ) -> Fitted:
        """Return the figure with titles as broad as the first of *broads* that fits.

        *even*: it is in columns only if they are of about equal length.
        """
        for cuts in self.plain(opened, direction, self.show, broads):
            found = self._set(cuts, even=even)
            if self._scale(found) >= LEAST:
                break
        return Fitted(found, self._scale(found), opened, direction, self.show)

    def levels(self, depth: int) -> list[set[str]]:
        """Return the open boxes at each level down to *depth*, or to the last level that opens a box."""
        found: list[set[str]] = []
        for level in range(1, depth + 1):
            opened = self.figure.at_depth(level)
            if opened in found:
                break
            found.append(opened)
        return found

    def with_u(self, depth: int | None) -> list[set[str]]:
        """Return the levels down to *depth*, or None for those with no more boxes than are readable, with a U."""
        levels = self.levels(_DEEPEST if depth is None else depth)
        if depth is None:
            levels = [opened for opened in levels if self._count(opened) <= BOX_LIMIT]
        layouts = ((opened, cuts) for opened in levels for cuts in self.plain(opened, "TB", self.show, (NARROW,)))
        return [opened for opened, cuts in layouts if cuts.geometry.has_u]

    def _count(self, opened: set[str]) -> int:
        """Return how many closed boxes are drawn with the boxes *opened*."""
        return len(self.plain.drawn(opened).visible(opened))

    def _scale(self, found: Geometry) -> float:
        return min(1.0, self.width / found.width, self.height / found.height)

    def _set(self, cuts: Cutting, *, even: bool) -> Geometry:
        """Return a layout as it is, or in the fewest columns in which it fits and is not too slender; a U is not cut.

        *even*: they are about equally long.
        """
        plain = cuts.geometry
        fits = self._scale(plain) >= LEAST
        if plain.has_u or (fits and not self._slender(plain, down=cuts.down)):
            return plain
        along, room = (plain.height, self.height) if cuts.down else (plain.width, self.width)
        for columns in range(max(2, math.ceil(along / room * LEAST)), (_COLUMNS if cuts.down else _ROWS) + 1):
            cut = cuts.into(columns, one_line=fits and plain.height < _LONGER)
            if cut is None:
                break
            if (not cut.even and (fits or even)) or cut.length * LEAST > room:  # it is not set so
                continue
            if fits and self._scale(cut.geometry) < LEAST:
                break
            if cuts.down and cut.geometry.width * LEAST > self.width:  # and so are all with more columns
                break
            found = cut.geometry
            if fits:  # only too slender
                if found.height <= _SHORTER * plain.height and not self._slender(found, down=cuts.down):
                    return found
            elif self._scale(found) >= LEAST and not (cut.even and self._slender(found, down=cuts.down)):
                return found
        return plain

    def _slender(self, found: Geometry, *, down: bool) -> bool:
        return down and found.height > max(_LONG, _SLENDER * found.width)

    def _grown(self, direction: Direction) -> Fitted:
        """Return the figure with the biggest boxes open, as many as fit; those of one kind are all open or closed.

        Of equal boxes that do not all fit, one is open for all.
        """
        best = self._smallest(direction)
        done: set[Kind] = set()
        refused: set[str | None] = set()  # the parents of boxes that do not fit: no smaller ones open in them
        any_box = False
        while best.scale >= LEAST:
            columns = best.geometry.columns
            found = {
                kind: boxes
                for kind, boxes in kinds(self.figure, best.opened, columns, any_box=any_box).items()
                if kind not in done and not any(box.parent in refused for box in boxes)
            }
            if not found:
                if any_box or self._count(best.opened) >= _FEW:
                    break
                any_box = True
                continue
            kind = max(found, key=lambda kind: sum(size(box) for box in found[kind]))
            deeper = self._deeper(best, found[kind], direction, _OF_COLUMNS if in_columns(kind) else _BROADS)
            if deeper is None and (one := one_for_all(kind, found[kind])) is not None:
                deeper = self._deeper(best, [one], direction, _BROADS)
                done.add(kind)
            if deeper is None:
                done.add(kind)
                refused.update(box.parent for box in found[kind])
            best = deeper or best
        return best

    def _smallest(self, direction: Direction) -> Fitted:
        """Return the figure with its first level open, and with an encoder and its decoder if only then it has a U."""
        first = self.laid_out({self.figure.root, *self.figure.start}, direction, even=True)
        is_u = first.geometry.has_u and first.scale >= LEAST
        if direction == "LR" or is_u or self.plain.layout not in ("auto", "u"):
            return first
        opened = first.opened
        if any(cuts.geometry.has_u for cuts in self.plain(opened, direction, self.show, (BROAD,))):
            return self._as_grid(opened) or first
        for _ in range(_WITHIN):
            more = opened | with_several_values(self.figure, opened)
            if more == opened or len(self.figure.visible(more)) > BOX_LIMIT:
                break
            if (found := self._as_grid(more)) is not None:
                return found
            opened = more
        return first

    def _as_grid(self, opened: set[str]) -> Fitted | None:
        """Return the figure with the boxes *opened* if it has a U; with less beside names if only that fits."""
        least = min(len(self.show), 1)
        for broads, fewest in ((_OF_COLUMNS, least), ((TIGHT,), len(self.show))):
            for count in range(len(self.show), fewest - 1, -1):
                asked = replace(self, show=self.show[:count])
                tried = asked.laid_out(opened, "TB", even=True, broads=broads)
                if tried.geometry.has_u and tried.scale >= LEAST:
                    return tried
        return None

    def _deeper(self, fitted: Fitted, boxes: list[Box], direction: Direction, broads: Sequence[float]) -> Fitted | None:
        """Return the figure with *boxes* open too, if it fits, and they leave a U or a grid what it is.

        Its titles are as broad as the first of *broads* that fits.
        """
        around = (above for box in boxes for above in self.figure.chain(box.id))
        patterns = {above for above in around if self.figure.boxes[above].kind == "pattern"}
        opened = fitted.opened | {box.id for box in boxes} | patterns
        if self._count(opened) > BOX_LIMIT:
            return None
        tried = self.laid_out(opened, direction, even=True, broads=broads)
        before, after = fitted.geometry, tried.geometry
        is_lost = (before.has_u and not after.has_u) or (before.is_grid and not after.is_grid)
        return tried if tried.scale >= LEAST and not is_lost else None


__all__ = ["LEAST", "Fitted", "Fitting", "fit", "fitting", "opened_boxes"]
