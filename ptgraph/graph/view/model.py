"""A view as data: boxes in boxes, and the links between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ptgraph.graph.view.folding import Carry

BOX_LIMIT = 60  # boxes that a picture of automatic depth may show


@dataclass(frozen=True, slots=True)
class Box:
    """A box of the picture. ``id`` is an operation's name; for a call of a module, ``/`` and its key.

    ``parts`` are the boxes inside, in order of execution; a module with one operation has none, and stands
    for it (``op``). ``repeat`` counts the equal blocks that the box stands for, ``paths`` are those of their
    modules, and ``carries`` are the values that each feeds the next. ``bytes`` are those of activations.

    A pattern stands for several blocks or operations in a row that repeat as a whole: its ``parts`` are those of one
    period, which may be folds again, ``repeat`` counts the periods, and ``paths`` has those of the modules of all of
    them, period after period; it is empty if there are only operations. A pattern is no module; its ``component`` is
    the one that it is in. ``id`` is ``*``, the number of parts in a period, and the id of the first.

    A stage stands for modules of one resolution in a list that is not called; only a figure has some.
    """

    id: str
    kind: Literal["input", "output", "op", "module", "group", "pattern", "stage"]
    title: str
    subtitle: str
    category: str
    component: str
    parent: str | None
    parts: tuple[str, ...] = ()
    op: str | None = None
    repeat: int = 1
    params: int = 0
    flops: int = 0
    bytes: int = 0
    paths: tuple[str, ...] = ()
    carries: tuple[Carry, ...] = ()

    @property
    def class_name(self) -> str:
        """The class in the subtitle of a module, without what tells it from others in its pattern."""
        return self.subtitle.partition(" · ")[0]


@dataclass(frozen=True, slots=True)
class Link:
    """A value that flows between two boxes without parts, with its shape; ``shared`` ones are drawn as stubs."""

    source: str
    target: str
    label: str
    slots: tuple[int, ...] = (0,)
    shared: bool = False


class BoxTree:
    """Boxes in boxes, by id, from the *root*, which is around all of them."""

    boxes: dict[str, Box]
    root: str

    def chain(self, box: str) -> list[str]:
        """Return *box* and the boxes around it, innermost first."""
        found: list[str] = []
        at: str | None = box
        while at is not None:
            found.append(at)
            at = self.boxes[at].parent
        return found

    def to_level(self, depth: int, start: Sequence[str] = (), *, through_patterns: bool = False) -> set[str]:
        """Return the boxes that are open when *depth* levels are, the first of them *start*, or else the root.

        With *through_patterns*, patterns are no level of their own.
        """
        opened, level = set(), [*start] or [self.root]
        for _ in range(depth):
            level = [box for box in level if self.boxes[box].parts]
            if not level:
                break
            opened.update(level)
            level = [part for box in level for part in self.boxes[box].parts]
            while through_patterns and (patterns := {box for box in level if self.boxes[box].kind == "pattern"}):
                opened |= patterns
                level = [part for box in level for part in (self.boxes[box].parts if box in patterns else (box,))]
        return opened

    def visible(self, opened: set[str]) -> list[str]:
        """Return the closed boxes that are seen when the root and those *opened* are open, in order."""
        found: list[str] = []
        waiting = list(self.boxes[self.root].parts[::-1])
        while waiting:
            box = waiting.pop()
            if box in opened:
                waiting.extend(reversed(self.boxes[box].parts))
            else:
                found.append(box)
        return found


@dataclass(frozen=True)
class View(BoxTree):
    """The boxes by id, the outermost first, and the links between those without parts.

    ``stands`` maps an operation that was folded away to the box that stands for it, and the number of its period in
    each fold.
    """

    boxes: dict[str, Box]
    links: tuple[Link, ...]
    stands: dict[str, tuple[str, dict[str, int]]]
    root: str = "/"

    @cached_property
    def meetings(self) -> tuple[tuple[str, str, str], ...]:
        """For each link: the innermost box that both ends are in, and the parts of it that they are in."""
        return tuple(self._meet(link) for link in self.links)

    def _meet(self, link: Link) -> tuple[str, str, str]:
        above, below = self.chain(link.source), self.chain(link.target)
        around = set(above)
        scope = next(box for box in below if box in around)
        return scope, above[above.index(scope) - 1], below[below.index(scope) - 1]

    def opened(self, depth: int | None = None, limit: int = BOX_LIMIT) -> set[str]:
        """Return the boxes that are open in a picture *depth* levels deep.

        Without a depth: as many levels as keep the picture at *limit* boxes, but at least one, and no groups. A pattern
        is no level of its own then, and is open wherever there is room: closed, it shows little.
        """
        if depth is not None:
            return self.to_level(max(depth, 1))
        groups = {box.id for box in self.boxes.values() if box.kind == "group"}
        opened = self.to_level(1)
        for level in range(1, 1 + max(len(self.chain(box)) for box in self.boxes)):
            deeper = self.to_level(level, through_patterns=True) - groups
            if len(self.visible(deeper)) > limit:
                break
            opened = deeper
        for box in self.boxes.values():  # the outer ones first
            if box.kind == "pattern" and box.parent in opened and len(self.visible(opened | {box.id})) <= limit:
                opened.add(box.id)
        return opened

    def shown(self, opened: set[str]) -> dict[str, str]:
        """Return for every box without parts the visible box that it is, or is inside of."""
        at = {}
        for box in self.visible(opened):
            stack = [box]
            while stack:
                inner = stack.pop()
                at[inner] = box
                stack.extend(self.boxes[inner].parts)
        return at


__all__ = ["BOX_LIMIT", "Box", "BoxTree", "Link", "View"]
