"""The text of boxes and frames, and the size that it needs, in points at full size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ptgraph.drawing.text_metrics import cut, plain_width, text_width
from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.options import Shown
from ptgraph.figure.output_brackets import is_bracket
from ptgraph.graph.dimensions import dimensions_text
from ptgraph.graph.labels import count_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import Box

TITLE, NOTE = 8.5, 7.0  # sizes of text
SMALLEST = 6.0
RADIUS = 6.0  # of ⊕ and ⊗
LINE_UP = 1.18  # from line to line, in sizes of text
STUB_HEIGHT = 11.0
APART = 5.0  # between the note over a frame and its ×N
STUB_AWAY = 9.0  # between a stub and its box
BROAD = 88.0  # the width over which a title is set in two lines
NARROW, CLOSE = 63.0, 48.0  # that in narrow figures, and in those that hold many columns
TIGHT, TIGHTEST = 40.0, 27.0  # that in figures in which nothing else fits
_LONGEST = 1.7  # a line is cut at so many times that width


@dataclass(frozen=True, slots=True)
class BoxText:
    """The lines in a box or over a frame, and the size that they need."""

    titles: tuple[str, ...]
    note: str
    width: float
    height: float


def box_text(graph: ModelGraph, box: Box, show: Sequence[Shown], broad: float = BROAD) -> BoxText:
    """Return the text of a closed box: its name, in two lines if it is broader than *broad*, its class and numbers."""
    name = box_name(box)
    name += f" ×{box.repeat}" if box.repeat > 1 else ""
    titles = _broken(name, broad)
    notes = _notes(graph, box, show) if broad > TIGHT else []
    while len(notes) > 1 and plain_width(" · ".join(notes), NOTE) > _LONGEST * broad:
        notes.pop()  # the class, which stands first, is kept the longest
    note = short(" · ".join(notes), broad)
    width = max(*(text_width(title, TITLE) for title in titles), plain_width(note, NOTE) if note else 0.0) + 12
    height = len(titles) * TITLE * LINE_UP + (NOTE * LINE_UP if note else 0) + 6
    return BoxText(titles, note, max(width, 40.0 if broad > TIGHT else 0.0), height)


def frame_text(box: Box, broad: float = BROAD) -> BoxText:
    """Return the text over the parts of an open box: its name at the left, its class at the right."""
    title, note = cut(box.title, TITLE, _LONGEST * broad), short(box.subtitle, broad)
    width = text_width(title, TITLE) + (plain_width(note, NOTE) if note else 0.0)
    return BoxText((title,), note, width, TITLE * LINE_UP)


def box_texts(
    figure: FigureGraph,
    graph: ModelGraph,
    closed: Iterable[str],
    frames: Iterable[str],
    show: Sequence[Shown],
    broad: float = BROAD,
) -> dict[str, BoxText]:
    """Return the texts of *closed* boxes, but for signs, and those of *frames*."""
    found = {name: box_text(graph, figure.boxes[name], show, broad) for name in closed if name not in figure.signs}
    return found | {name: frame_text(figure.boxes[name], broad) for name in frames}


def short(note: str, broad: float) -> str:
    """Return *note*, cut if it is too long for a figure whose titles are no broader than *broad*."""
    return cut(note, NOTE, _LONGEST * broad, bold=False)


def box_name(box: Box) -> str:
    """Return the name of a box: of a module its own, or its class if its own is only a number."""
    if box.kind == "op":
        return box.title.strip("_").replace("_", " ")
    if box.kind == "output" and ".*." not in box.title and (last := box.title.rpartition(".")[2]).isidentifier():
        return last
    return box.subtitle if box.kind == "module" and box.title.isdigit() and box.subtitle else box.title


def note_text(graph: ModelGraph, box: Box, show: Sequence[Shown]) -> str:
    """Return the second line of a box: its class, and the numbers that *show* names."""
    return " · ".join(_notes(graph, box, show))


def _notes(graph: ModelGraph, box: Box, show: Sequence[Shown]) -> list[str]:
    if is_bracket(box) and box.repeat == 1:
        return [box.subtitle]
    if box.kind in ("input", "output"):
        dtype, shape = _type(graph, box)
        no_shape = "shapes" in show and shape in ("", "…") and " " in dtype  # a sequence
        wanted = [dtype if "dtype" in show or no_shape else "", shape if "shapes" in show and not no_shape else ""]
        return [" ".join(filter(None, wanted))]
    notes = [box.subtitle] if box.subtitle and box.subtitle != box_name(box) else []
    if "params" in show and box.params:
        notes.append(f"{count_text(box.params)} in all" if box.repeat > 1 else count_text(box.params))
    if "flops" in show and box.flops:
        notes.append(f"{count_text(box.flops)} FLOPs")
    if "dtype" in show and graph.kind.classes and (found := _dtype(graph, box)):
        notes.append(found)
    return notes


def _type(graph: ModelGraph, box: Box) -> tuple[str, str]:
    """Return the type and the shape of an input or output; that of a focus has both in one text."""
    if box.op is not None and box.op in graph.ops and graph.op(box.op).kind == box.kind:
        op = graph.op(box.op)
        return op.dtype or "", dimensions_text(op.shape)
    dtype, _, shape = box.subtitle.partition(" ")
    return dtype, shape


def _dtype(graph: ModelGraph, box: Box) -> str:
    if box.op is not None and box.op in graph.ops:
        return graph.op(box.op).dtype or ""
    return graph.component(box.component).dtype or "" if box.kind == "module" else ""


def _broken(name: str, broad: float) -> tuple[str, ...]:
    """Return *name*, in two lines if it is broader than *broad*, broken where a word ends."""
    if text_width(name, TITLE) <= broad:
        return (name,)
    ends = [index + (sign != " ") for index, sign in enumerate(name) if sign in "_. -" and 0 < index < len(name) - 1]
    if not ends:
        return (cut(name, TITLE, _LONGEST * broad),)
    middle = min(ends, key=lambda index: abs(index - len(name) / 2))
    return tuple(cut(line, TITLE, _LONGEST * broad) for line in (name[:middle].strip(), name[middle:].strip()))


__all__ = [
    "APART",
    "BROAD",
    "CLOSE",
    "LINE_UP",
    "NARROW",
    "NOTE",
    "RADIUS",
    "SMALLEST",
    "STUB_AWAY",
    "STUB_HEIGHT",
    "TIGHT",
    "TIGHTEST",
    "TITLE",
    "BoxText",
    "box_name",
    "box_text",
    "box_texts",
    "frame_text",
    "note_text",
    "short",
]
