"""Charts: the boxes and arrows of a figure, without positions, for languages that lay out diagrams themselves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ptgraph.common.messages import shortened
from ptgraph.common.unique import unique
from ptgraph.drawing.text import clean
from ptgraph.figure.box_text import box_name, note_text
from ptgraph.figure.figure_graph import Sign
from ptgraph.figure.fit_to_page import opened_boxes
from ptgraph.figure.focus import focused
from ptgraph.figure.options import Shown
from ptgraph.figure.output_brackets import bracketed
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
    """A value that flows between two boxes, with its shape; an arrow from a stub is ``shared``."""

    source: str
    target: str
    label: str
    shared: bool


@dataclass(frozen=True)
class Chart:
    """The boxes of a figure, from the ``root``, which holds the outermost; ``frames`` are those around their parts.

    ``stubs`` maps a frame to the stubs in it, labels of values that are read in many places: id and text of each.
    ``signs`` maps the boxes that are a + or a × to that.
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
    """Return the chart of *graph*, opened to the depth of *options*, or as far as its figure would be.

    Raises UsageError if the focus of *options* names no module of the graph, or one that a figure does not show.
    """
    whole = simplify(graph, view(graph))
    if options.figure.focus:
        whole = focused(whole, graph, options.figure.focus)
    opened = opened_boxes(whole, graph, options.depth, options.figure)
    whole = bracketed(whole, opened)
    found = lines_and_stubs(whole, opened)
    with_shapes = "shapes" in options.figure.show
    arrows = [
        Arrow(source, target, clean(label) if with_shapes else "", False)
        for (source, target), label in found.lines.items()
    ]
    stubs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for box in whole.visible(opened):
        for name in found.stubs.get(box, ()):
            stub = stub_id(name, box)
            stubs[whole.boxes[box].parent or whole.root].append((stub, cut(name)))
            arrows.append(Arrow(stub, box, "", True))
    signs = {name: SIGNS[sign] for name, sign in whole.signs.items()}
    return Chart(whole.boxes, whole.root, opened - {whole.root}, dict(stubs), tuple(arrows), signs)


def box_lines(graph: ModelGraph, box: Box, show: tuple[Shown, ...]) -> list[str]:
    """Return the lines of text in a box: its title, and if it has any, its class and numbers."""
    title = cut(box_name(box)) + (f" ×{box.repeat}" if box.repeat > 1 else "")
    note = note_text(graph, box, show)
    return [title, cut(note)] if note else [title]


def cut(text: str) -> str:
    """Return *text* cut to the length of a line of a box."""
    return clean(shortened(text, _LONGEST))


__all__ = ["Arrow", "Chart", "box_lines", "chart", "cut"]
