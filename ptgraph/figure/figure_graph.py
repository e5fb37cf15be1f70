"""The graph of a figure, as data: the boxes that may be drawn, and what flows between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ptgraph.graph.view.model import Box, BoxTree

Sign = Literal["plus", "times"]
WRITTEN: dict[Sign, str] = {"plus": "+", "times": "×"}


class Flow(NamedTuple):
    """A value that flows between two boxes without parts, and its shape."""

    source: str
    target: str
    label: str


class Stub(NamedTuple):
    """The name of a value that a box reads from no other box: a parameter, a table of positions, or an input."""

    text: str
    is_input: bool = False


@dataclass(frozen=True)
class FigureGraph(BoxTree):
    """The boxes that may be drawn, and the values that flow between those without parts.

    ``stubs`` maps a box without parts to the values that it reads from no other box, ``signs`` has the boxes that are a
    ⊕ or a ⊗, ``start`` those that are open at every depth.
    """

    boxes: dict[str, Box]
    flows: tuple[Flow, ...]
    stubs: dict[str, tuple[Stub, ...]]
    signs: dict[str, Sign]
    root: str
    start: tuple[str, ...] = ()
    _sizes: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def leaves(self, box: str) -> Iterator[str]:
        """Yield the boxes without parts that *box* is or has inside."""
        if not self.boxes[box].parts:
            yield box
        for part in self.boxes[box].parts:
            yield from self.leaves(part)

    def size(self, box: str) -> int:
        """Return how many boxes without parts *box* is or has inside."""
        if box not in self._sizes:
            self._sizes[box] = sum(map(self.size, self.boxes[box].parts)) or 1
        return self._sizes[box]

    def at_depth(self, depth: int) -> set[str]:
        """Return the boxes that are open when *depth* levels are."""
        return {self.root} | self.to_level(depth, self.start)


__all__ = ["WRITTEN", "FigureGraph", "Flow", "Sign", "Stub"]
