"""Value names: what a value is called where it is read away from its box.

A reader of the page knows a value by the outermost box that it is in and the reader is not: the time embedding is
``time``, and not ``2``, after the last of its layers. Where several values come out of that box, the name of the
value's own box follows. ``page/web/src/model/diagram.js`` has the same names.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from ptgraph.graph.view.model import View


class ValueNames:
    """The names of the values of a *view*."""

    def __init__(self, view: View) -> None:
        self.view = view

    def of(self, source: str, reader: str) -> str:
        """Return the name of the value of the box *source* at the box *reader*, which it is not in."""
        around = set(self.view.chain(reader))
        box = next(outer for outer in reversed(self.view.chain(source)) if outer not in around)
        if box == source:
            return self._own(source)
        name = self.view.boxes[box].title
        return name if len(self._leaving[box]) == 1 else f"{name}.{self._own(source)}"

    def _own(self, box: str) -> str:
        """Return the title of a box, or its id where another beside it has that title."""
        shown = self.view.boxes[box]
        alike = [
            part for part in self.view.boxes[shown.parent or self.view.root].parts if self._title(part) == shown.title
        ]
        return shown.title if len(alike) == 1 or shown.kind != "op" else shown.id

    def _title(self, box: str) -> str:
        return self.view.boxes[box].title

    @cached_property
    def _leaving(self) -> dict[str, set[str]]:
        """The values that are read outside of each box."""
        found: dict[str, set[str]] = defaultdict(set)
        for link, (meet, *_) in zip(self.view.links, self.view.meetings, strict=True):
            above = self.view.chain(link.source)
            for box in above[: above.index(meet)]:
                found[box].add(link.source)
        return found


__all__ = ["ValueNames"]
