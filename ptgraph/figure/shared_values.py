"""Shared values: which values of a figure are lines between two boxes, and which are named by a stub at their reader.

A value that is read again and again along the flow is a line to those that read it first, and a named stub at all
later ones. How often it is read is counted in what shows: a closed box is one reader, however much in it reads.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from ptgraph.figure.box_text import box_name
from ptgraph.figure.figure_graph import WRITTEN, FigureGraph
from ptgraph.graph.view.build import SHARED_PLACES


class LinesAndStubs(NamedTuple):
    """``lines``: (source, target) → the shape that flows; ``stubs``: a box → the values it reads without a line."""

    lines: dict[tuple[str, str], str]
    stubs: dict[str, tuple[str, ...]]

    def shapes(self) -> dict[str, str]:
        """Return the shape of the value of each box that a line leads from: that of its first line."""
        found: dict[str, str] = {}
        for (source, _), shape in self.lines.items():
            found.setdefault(source, shape)
        return found


def lines_and_stubs(figure: FigureGraph, opened: set[str], shared: frozenset[str] = frozenset()) -> LinesAndStubs:
    """Return the lines and stubs of a figure in which the boxes *opened* are frames.

    The values of the closed boxes *shared* have stubs at later readers, however few these are.
    """
    closed = figure.visible(opened)
    at = {leaf: box for box in closed for leaf in figure.leaves(box)}
    lines: dict[tuple[str, str], str] = {}
    for flow in figure.flows:
        source, target = at[flow.source], at[flow.target]
        if source != target:
            lines.setdefault((source, target), flow.label)
    stubs: dict[str, dict[str, None]] = defaultdict(dict)
    for leaf, values in figure.stubs.items():
        box = at[leaf]
        stubs[box].update(dict.fromkeys(value.text for value in values if value.is_input or leaf == box))
    readers: dict[str, list[str]] = defaultdict(list)
    for source, target in lines:
        readers[source].append(target)
    reading = _Reading(figure, {box: figure.chain(box) for box in closed}, readers, shared)
    for (source, target), name in reading.names_of_later_reads().items():
        stubs[target][name] = None
        del lines[source, target]
    return LinesAndStubs(lines, {box: tuple(stubs[box]) for box in closed if stubs[box]})


@dataclass(frozen=True)
class _Reading:
    """Which closed boxes read the value of each; *chains* are the boxes around each closed box, itself first.

    *shared* are the sources whose later reads are stubs however few they are."""

    figure: FigureGraph
    chains: dict[str, list[str]]
    readers: Mapping[str, list[str]]
    shared: frozenset[str] = frozenset()

    def names_of_later_reads(self) -> dict[tuple[str, str], str]:
        """Return the reads, as (source, reader), that have a stub and no line, with the name on the stub."""
        many = [s for s, readers in self.readers.items() if s in self.shared or len(readers) >= SHARED_PLACES]
        after = self._siblings() if many else {}
        later = {s: self._later(s, after) for s in many if s in self.shared or self._is_shared(s, after)}
        return self._names({source: targets for source, targets in later.items() if targets})

    def _is_shared(self, source: str, after: Mapping[str, set[str]]) -> bool:
        """Return whether enough modules read *source* one after the other; operations of one module count once."""
        reading = {box for reader in self.readers[source] for box in self.chains[reader]}

        def in_a_row(scope: str) -> int:
            most: dict[str, int] = {}
            for part in reversed(self.figure.boxes[scope].parts):
                here = 0
                if part in reading and self.figure.boxes[part].parts:
                    here = 1 if part in self.chains else in_a_row(part)
                most[part] = here + max((most.get(later, 0) for later in after[part]), default=0)
            return max(1, *most.values()) if most else 1

        return in_a_row(self.figure.root) >= SHARED_PLACES

    def _siblings(self) -> dict[str, set[str]]:
        """Return which boxes, open ones too, each feeds among those beside it."""
        found: dict[str, set[str]] = defaultdict(set)
        for source, readers in self.readers.items():
            for reader in readers:
                above, below = self._apart(source, reader)
                found[above[-1]].add(below[-1])
        return found

    def _apart(self, one: str, other: str) -> tuple[list[str], list[str]]:
        """Return the boxes around each, itself first, that are not around the other."""
        first, second = self.chains[one], self.chains[other]
        both = {*first} & {*second}
        return [box for box in first if box not in both], [box for box in second if box not in both]

    def _later(self, source: str, after: Mapping[str, set[str]]) -> list[str]:
        """Return the readers of *source* that are, or are in, a box that another box with readers leads to."""
        around = {reader: self._apart(source, reader)[1] for reader in self.readers[source]}
        waiting = [box for reading in dict.fromkeys(chain.from_iterable(around.values())) for box in after[reading]]
        beyond = set(waiting)
        while waiting:
            new = after[waiting.pop()] - beyond
            beyond |= new
            waiting.extend(new)
        return [reader for reader, boxes in around.items() if not beyond.isdisjoint(boxes)]

    def _names(self, later: Mapping[str, list[str]]) -> dict[tuple[str, str], str]:
        """Return the name of each source at each of its *later* readers: that of the outermost box around it alone.

        Where several such values come from that box, the name of the source's own box follows.
        """
        outer = {(source, target): self._apart(source, target)[0][-1] for source in later for target in later[source]}
        given: dict[str, set[str]] = defaultdict(set)
        for (source, _), box in outer.items():
            given[box].add(source)
        return {
            (source, target): self._name(box) if len(given[box]) == 1 else f"{self._name(box)}.{self._name(source)}"
            for (source, target), box in outer.items()
        }

    def _name(self, box: str, seen: frozenset[str] = frozenset()) -> str:
        """Return the name of a box; of an operation whose name another one has, that of the only box that it reads.

        A ⊕ or ⊗ is named by the first box that it reads: ``time_embedding + …``.
        """
        name = box_name(self.figure.boxes[box])
        read = [source for source in self.chains if source in self._sources[box] and source not in seen]
        if box in self.figure.signs and read:
            return f"{self._name(read[0], seen | {box})} {WRITTEN[self.figure.signs[box]]} …"
        if self.figure.boxes[box].kind == "op" and self._named[name] > 1 and len(read) == 1:
            return self._name(read[0], seen | {box})
        return name

    @cached_property
    def _named(self) -> Counter[str]:
        """How many closed boxes have each name."""
        return Counter(box_name(self.figure.boxes[box]) for box in self.chains)

    @cached_property
    def _sources(self) -> dict[str, set[str]]:
        """The boxes that each box reads."""
        found: dict[str, set[str]] = defaultdict(set)
        for source, readers in self.readers.items():
            for reader in readers:
                found[reader].add(source)
        return found


__all__ = ["LinesAndStubs", "lines_and_stubs"]
