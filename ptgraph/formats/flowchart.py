"""Sketch → what languages for diagrams are told, which lay out themselves: boxes in boxes, arrows, and their words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ptgraph.common.unique import unique
from ptgraph.drawing.text import clean
from ptgraph.figure.box_text import box_name, note_text
from ptgraph.figure.figure_graph import Sign
from ptgraph.figure.fit_to_page import opened_boxes
from ptgraph.figure.focus import focused
from ptgraph.figure.options import Shown
from ptgraph.figure.shared_values import lines_and_stubs
from ptgraph.figure.simplify import simplify
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.box_ids import stub_id
from ptgraph.graph.view.build import view
from ptgraph.graph.view.model import Box

_LONGEST = 48  # letters of a line
SIGNS: dict[Sign, str] = {"plus": "+", "times": "×"}


class Arrow(NamedTuple):
    """A value that flows between two boxes that show, with its shape; from a stub it is ``shared``."""

    source: str
    target: str
    label: str
    shared: bool


@dataclass(frozen=True)
class Chart:
    """The boxes that show, from the ``root``, which holds the outermost; those in ``frames`` stand around their parts.

    ``stubs`` are labels that stand for a value that is read in many places: by the frame that they are in, their ids
    and what they say. ``signs`` says which boxes are a + or a ×.
    """

    boxes: dict[str, Box]
    root: str
    frames: set[str]
    stubs: dict[str, list[tuple[str, str]]]
    arrows: tuple[Arrow, ...]
    signs: dict[str, str]

    def inside(self, frame: str) -> Iterator[str]:
        """Yield the boxes in *frame*, all levels of them, in order."""
        for part in self.boxes[frame].parts:
            yield part
            if part in self.frames:
                yield from self.inside(part)

    def identifiers(self) -> dict[str, str]:
        """Return a plain name of letters, digits and ``_ . @`` for every box and stub, no two the same."""
        found: dict[str, str] = {}
        taken: set[str] = set()
        for name in [*self.inside(self.root), *(stub for stubs in self.stubs.values() for stub, _ in stubs)]:
            plain = re.sub(r"[^\w.@]+", "_", name.replace("/", ""), flags=re.ASCII) or "_"
            found[name] = unique(plain, taken)
            taken.add(found[name])
        return found


def chart(graph: ModelGraph, options: Options) -> Chart:
    """Return what a figure of *graph* shows, opened to the depth of *options*, or as a figure would be.

    Raises UsageError for a focus that there is not.
    """
    whole = simplify(graph, view(graph))
    if options.figure.focus:
        whole = focused(whole, graph, options.figure.focus)
    opened = opened_boxes(whole, graph, options.depth, options.figure)
    found = lines_and_stubs(whole, opened)
    says_shapes = "shapes" in options.figure.show
    arrows = [
        Arrow(source, target, clean(label) if says_shapes else "", False)
        for (source, target), label in found.lines.items()
    ]
    stubs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for box in whole.visible(opened):
        for word in found.stubs.get(box, ()):
            stub = stub_id(word, box)
            stubs[whole.boxes[box].parent or whole.root].append((stub, cut(word)))
            arrows.append(Arrow(stub, box, "", True))
    signs = {name: SIGNS[sign] for name, sign in whole.signs.items()}
    return Chart(whole.boxes, whole.root, opened - {whole.root}, dict(stubs), tuple(arrows), signs)


def lines(graph: ModelGraph, box: Box, show: tuple[Shown, ...]) -> list[str]:
    """Return what stands in a box: its title, and a line of what it is and its numbers, if there is one."""
    title = cut(box_name(box)) + (f" ×{box.repeat}" if box.repeat > 1 else "")
    note = note_text(graph, box, show)
    return [title, cut(note)] if note else [title]


def cut(text: str) -> str:
    """Return *text* short enough for a line of a box."""
    return clean(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


__all__ = ["Arrow", "Chart", "chart", "cut", "lines"]
