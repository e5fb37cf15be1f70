"""View → what languages for diagrams are told, which lay out themselves: boxes in boxes, arrows, and their words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from .boxes import Box, count_text
from .figure_options import Shown
from .graph import ModelGraph
from .layout import stub_id
from .options import Options
from .view import view

_LONGEST = 48  # letters of a line
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
    and what they say.
    """

    boxes: dict[str, Box]
    root: str
    frames: set[str]
    stubs: dict[str, list[tuple[str, str]]]
    arrows: tuple[Arrow, ...]

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
            free = (plain if n == 1 else f"{plain}_{n}" for n in count(1))
            found[name] = next(name for name in free if name not in taken)
            taken.add(found[name])
        return found


def chart(graph: ModelGraph, options: Options) -> Chart:
    """Return what a figure of *graph* shows, opened to the depth of *options*."""
    picture = view(graph)
    opened = picture.opened(options.depth)
    at = picture.shown(opened)
    stubs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    arrows: dict[tuple[str, str], Arrow] = {}
    for link in picture.links:
        source, target = at[link.source], at[link.target]
        if source == target:
            continue
        if link.shared:
            source = stub_id(link.source, target)
        if (source, target) in arrows:
            continue
        label = link.label if "shapes" in options.figure.show else ""
        arrows[source, target] = Arrow(source, target, clean(label), link.shared)
        if link.shared:
            stubs[picture.boxes[target].parent or picture.root].append((source, cut(picture.label(link.source))))
    return Chart(picture.boxes, picture.root, opened - {picture.root}, dict(stubs), tuple(arrows.values()))


def lines(graph: ModelGraph, box: Box, show: tuple[Shown, ...]) -> list[str]:
    """Return what stands in a box: its title, and a line of what it is and its numbers, if there is one."""
    title = cut(box.title) + (f" ×{box.repeat}" if box.repeat > 1 else "")
    words = [box.subtitle]
    if box.kind in ("input", "output"):
        dtype, _, shape = box.subtitle.partition(" ")
        words = [dtype * ("dtype" in show), shape * ("shapes" in show)]
    elif box.kind != "op":
        words += [f"{count_text(box.params)} params"] * ("params" in show and box.params > 0)
    words += [f"{count_text(box.flops)} FLOPs"] * ("flops" in show and box.flops > 0)
    words += [_dtype(graph, box)] * ("dtype" in show and box.kind not in ("input", "output"))
    note = " · ".join(word for word in words if word)
    return [title, cut(note)] if note else [title]


def _dtype(graph: ModelGraph, box: Box) -> str:
    if box.op is not None:
        return graph.op(box.op).dtype or ""
    return graph.component(box.component).dtype or "" if box.kind == "module" else ""


def cut(text: str) -> str:
    """Return *text* short enough for a line of a box."""
    return clean(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def clean(text: str) -> str:
    """Return *text* with the characters that XML cannot hold written as ``\\x07``."""
    return _NOT_XML.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


__all__ = ["Arrow", "Chart", "chart", "clean", "cut", "lines"]
