"""A layered layout for graphs that are too dense for Graphviz; its time grows with the number of edges.

Graphviz puts a dummy node into every layer that an edge passes, and its time grows faster than their number: a dense
network of some hundred operations takes it too long. Here an edge takes no room in the layers that it passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

BESIDE, BELOW = 23.0, 30.0  # points between boxes, as in `graphviz_layout`
SWEEPS = 6

Edges = Sequence[tuple[int, int]]


class Layers:
    """The layer of each of *count* boxes: below all boxes that it reads, except along edges that close a cycle."""

    def __init__(self, count: int, edges: Iterable[tuple[int, int]]) -> None:
        readers = _by_source(edges)
        self.order = _order(count, readers)
        position = {box: k for k, box in enumerate(self.order)}
        down = [(a, b) for a, below in readers.items() for b in below if position[a] < position[b]]
        self.below = _by_source(down)
        self.above = _by_source((b, a) for a, b in down)
        self.of = [0] * count
        for box in self.order:
            self.of[box] = max((self.of[above] + 1 for above in self.above[box]), default=0)
        for box in reversed(self.order):  # down to its readers, where that shortens more than it lengthens
            if len(self.below[box]) > len(self.above[box]):
                self.of[box] = min(self.of[below] for below in self.below[box]) - 1

    @property
    def span(self) -> int:
        """The number of layers that all edges pass, added up."""
        return sum(self.of[b] - self.of[a] for a, below in self.below.items() for b in below)

    def places(self, sizes: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return the centre of each box of the given *sizes*, in points; boxes stand near those they are joined to.

        The first sweeps find the order of boxes in each layer, the later ones their places.
        """
        rows: dict[int, list[int]] = defaultdict(list)
        for box in range(len(sizes)):
            rows[self.of[box]].append(box)
        x = [0.0] * len(sizes)
        down = sorted(rows)
        for sweep in range(2 * SWEEPS):
            for layer in down if sweep % 2 == 0 else reversed(down):
                row = rows[layer]
                if sweep < SWEEPS:
                    joined = self.above if sweep % 2 == 0 else self.below
                    means = {box: self._mean(box, joined[box], x) for box in row}
                    row.sort(key=means.__getitem__)
                    wish = dict.fromkeys(row, 0.0)
                else:
                    wish = {box: self._mean(box, [*self.above[box], *self.below[box]], x) for box in row}
                for box, at in zip(row, _apart(row, wish, sizes), strict=True):
                    x[box] = at
        left = min((x[box] - sizes[box][0] / 2 for box in range(len(sizes))), default=0.0)
        found = [(0.0, 0.0)] * len(sizes)
        top = 0.0
        for layer in down:
            height = max(sizes[box][1] for box in rows[layer])
            for box in rows[layer]:
                found[box] = (x[box] - left, top + height / 2)
            top += height + BELOW
        return found

    def _mean(self, box: int, others: Sequence[int], x: Sequence[float]) -> float:
        """Return the mean x of *others*, weighted by the inverse of their distance in layers; that of *box* if none."""
        weights = [1 / abs(self.of[box] - self.of[other]) for other in others]
        total = sum(w * x[other] for w, other in zip(weights, others, strict=True))
        return total / sum(weights) if others else x[box]


def _by_source(edges: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for a, b in dict.fromkeys(edges):
        found[a].append(b)
    return found


def _order(count: int, readers: Mapping[int, Sequence[int]]) -> list[int]:
    """Return the boxes in topological order; edges that close a cycle are ignored."""
    found: list[int] = []
    seen: set[int] = set()
    for root in range(count):  # from the first: an edge back to it closes a cycle
        todo = [(root, False)]
        while todo:
            box, left = todo.pop()
            if left:
                found.append(box)
            elif box not in seen:
                seen.add(box)
                todo.append((box, True))
                todo += [(reader, False) for reader in sorted(readers.get(box, ()))]
    return found[::-1]


def _apart(row: Sequence[int], wish: Mapping[int, float], sizes: Sequence[tuple[float, float]]) -> list[float]:
    """Return the x of each box of a *row*, from left to right without overlaps, as near to *wish* as possible."""
    offsets = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + (sizes[one][0] + sizes[other][0]) / 2 + BESIDE)
    groups: list[tuple[float, int]] = []  # of neighbours that touch: the place of the first's offset 0, and how many
    for box, offset in zip(row, offsets, strict=True):
        at, many = wish[box] - offset, 1
        while groups and groups[-1][0] >= at:
            before, number = groups.pop()
            at, many = (before * number + at * many) / (number + many), number + many
        groups.append((at, many))
    starts = [at for at, many in groups for _ in range(many)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]


__all__ = ["BELOW", "BESIDE", "Layers"]
