"""A sketch and what of it is open → what is drawn as a line between two boxes, and what as a stub at its reader.

A value that is read again and again along the flow is a line to those that read it first, and a named stub at all
later ones. How often it is read is counted in what shows: a closed box is one reader, however much in it reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from ptgraph.figure.box_text import box_name
from ptgraph.figure.simplify import FigureGraph
from ptgraph.graph.view.build import SHARED_PLACES


@dataclass(frozen=True)
class Drawn:
    """``lines``: (source, target) → the shape that flows; ``stubs``: a box → what it reads that has no line to it."""

    lines: dict[tuple[str, str], str]
    stubs: dict[str, tuple[str, ...]]


def drawn(sketch: FigureGraph, opened: set[str]) -> Drawn:
    """Return the lines and stubs of a figure of *sketch* in which the boxes *opened* are frames."""
    return _Drawing(sketch, opened).finish()


class _Drawing:
    def __init__(self, sketch: FigureGraph, opened: set[str]) -> None:
        self.sketch = sketch
        self.shown = sketch.visible(opened)
        self.at = {leaf: box for box in self.shown for leaf in sketch.leaves(box)}
        self.chains = {box: sketch.chain(box) for box in self.shown}
        self.lines: dict[tuple[str, str], str] = {}
        self.readers: dict[str, list[str]] = defaultdict(list)
        for flow in sketch.flows:
            source, target = self.at[flow.source], self.at[flow.target]
            if source != target and (source, target) not in self.lines:
                self.lines[source, target] = flow.label
                self.readers[source].append(target)
        self.stubs: dict[str, dict[str, None]] = defaultdict(dict)
        for leaf, stubs in sketch.stubs.items():
            box = self.at[leaf]
            self.stubs[box].update(dict.fromkeys(stub.text for stub in stubs if stub.is_input or leaf == box))

    def finish(self) -> Drawn:
        many = [source for source, readers in self.readers.items() if len(readers) >= SHARED_PLACES]
        after = self._siblings() if many else {}
        later = {source: self._later(source, after) for source in many if self._is_shared(source, after)}
        names = self._names({source: targets for source, targets in later.items() if targets})
        for source, targets in later.items():
            for target in targets:
                self.stubs[target][names[source, target]] = None
                del self.lines[source, target]
        return Drawn(self.lines, {box: tuple(self.stubs[box]) for box in self.shown if self.stubs[box]})

    def _is_shared(self, source: str, after: Mapping[str, set[str]]) -> bool:
        """Return whether enough modules read *source* one after the other; operations of one module count once."""
        reading = {box for reader in self.readers[source] for box in self.chains[reader]}

        def in_a_row(scope: str) -> int:
            most: dict[str, int] = {}
            for part in reversed(self.sketch.boxes[scope].parts):
                here = 0
                if part in reading and self.sketch.boxes[part].parts:
                    here = 1 if part in self.chains else in_a_row(part)
                most[part] = here + max((most.get(later, 0) for later in after[part]), default=0)
            return max(1, *most.values()) if most else 1

        return in_a_row(self.sketch.root) >= SHARED_PLACES

    def _siblings(self) -> dict[str, set[str]]:
        """Return which boxes, open ones too, each feeds among those beside it."""
        found: dict[str, set[str]] = defaultdict(set)
        for source, target in self.lines:
            above, below = self._apart(source, target)
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
        """Return what each source is called at each of its *later* readers: as the outermost box around it alone is.

        Where that box gives several such values, its own name is put behind.
        """
        outer = {(source, target): self._outer(source, target) for source in later for target in later[source]}
        given: dict[str, set[str]] = defaultdict(set)
        for (source, _), box in outer.items():
            given[box].add(source)
        return {
            (source, target): self._name(box) if len(given[box]) == 1 else f"{self._name(box)}.{self._name(source)}"
            for (source, target), box in outer.items()
        }

    def _outer(self, source: str, target: str) -> str:
        return self._apart(source, target)[0][-1]

    def _name(self, box: str) -> str:
        return box_name(self.sketch.boxes[box])


__all__ = ["Drawn", "drawn"]
