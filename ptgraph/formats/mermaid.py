"""Mermaid: the figure as a flowchart that GitHub draws in a README. Modules are subgraphs.

Every letter that could mean something to Mermaid, or to the Markdown in its labels, is written by its number.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from ptgraph.drawing.palettes import (
    LINE,  # a grey that is seen on light and on dark pages: whose README it is, nobody knows
    Palette,
    palette,
)
from ptgraph.drawing.text import clean
from ptgraph.errors import ExportError
from ptgraph.formats.flowchart import Chart, chart, lines
from ptgraph.formats.options import Options
from ptgraph.graph.labels import count_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import Box

MOST_LETTERS, MOST_ARROWS = 50_000, 500  # what Mermaid takes where nobody has told it otherwise, as on GitHub
_PLAIN = r"[^\W_]|(?<!direction) |[,/×·–…→]|(?<=[^\W_])[._+-](?=[^\W_])"
_LETTER = re.compile(f"({_PLAIN})|(.)", re.DOTALL)
_TOGETHER = re.compile(r"\\(?=n)|\$(?=\$)|:(?=fa-)")  # these it reads even so: a line, a formula, an icon
_SHAPES = {"input": ('(["', '"])'), "output": ('(["', '"])'), "op": ('["', '"]')}
# Room for titles, and for the names of classes.
_SETTINGS = '%%{init: {"flowchart": {"subGraphTitleMargin": {"top": 2, "bottom": 10}, "wrappingWidth": 480}}}%%'


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the figure as one file, ``mmd``; ExportError if it is larger than Mermaid takes."""
    text, arrows = _Drawing(graph, options).finish()
    for count, most, what in ((arrows, MOST_ARROWS, "arrows"), (len(text), MOST_LETTERS, "letters")):
        if count > most:
            remedy = "choose a smaller depth" if options.depth != 1 else "take another format, such as svg"
            raise ExportError(
                f"Mermaid draws at most {most:,} {what}, and this figure of {graph.name} has {count:,}; {remedy}"
            )
    return {"mmd": [text.encode("utf-8", "backslashreplace")]}


class _Drawing:
    def __init__(self, graph: ModelGraph, options: Options) -> None:
        self.graph = graph
        self.options = options.figure
        self.chart: Chart = chart(graph, options)
        self.colors: Palette = palette(options.figure.theme)
        self.names = {name: f"b{number}" for number, name in enumerate(self.chart.identifiers(), 1)}  # never reserved
        self.classes: dict[str, list[str]] = defaultdict(list)  # what a class looks like → the boxes of that class

    def finish(self) -> tuple[str, int]:
        """Return the text, and how many arrows it has."""
        size = "" if self.graph.is_pipeline else f", {count_text(self.graph.component('').total_params)} parameters"
        text = [
            _SETTINGS,
            f"flowchart {self.options.direction or 'TB'}",
            f"  accTitle: {_text(self.graph.name + size)}",
            *self._parts(self.chart.root, "  "),
        ]
        for arrow in self.chart.arrows:
            label = f'|"{_text(arrow.label)}"|' if arrow.label else ""
            text.append(
                f"  {self.names[arrow.source]} {'-.->' if arrow.shared else '-->'}{label} {self.names[arrow.target]}"
            )
        for number, (look, names) in enumerate(self.classes.items()):
            text += [f"  classDef c{number} {look}", f"  class {','.join(names)} c{number}"]
        text += [f"  linkStyle default stroke:{LINE}"] * bool(self.chart.arrows)
        return "\n".join(text) + "\n", len(self.chart.arrows)

    def _parts(self, name: str, margin: str) -> Iterator[str]:
        for stub, title in self.chart.stubs.get(name, ()):
            yield f'{margin}{self.names[stub]}(["{_text(title)}"])'
            look = f"fill:{self.colors.page},stroke:{self.colors.line},color:{self.colors.muted},stroke-dasharray:3 3"
            self.classes[look].append(self.names[stub])
        for part in self.chart.boxes[name].parts:
            box = self.chart.boxes[part]
            framed = part in self.chart.frames
            sign = self.chart.signs.get(part)
            between = " · " if framed else "<br/>"  # Mermaid leaves room for one line over the parts of a frame
            words = between.join(map(_text, [sign] if sign else lines(self.graph, box, self.options.show)))
            left, right = ('["', '"]') if framed else self._shape(box)
            yield f"{margin}{'subgraph ' * framed}{self.names[part]}{left}{words}{right}"
            if framed:
                yield from self._parts(part, margin + "  ")
                yield f"{margin}end"
            colors = self.colors.frame(box.category) if framed else self.colors.style(box.category)
            look = f"fill:{colors.fill},stroke:{colors.border},color:{self.colors.text}"
            self.classes[look].append(self.names[part])

    def _shape(self, box: Box) -> tuple[str, str]:
        """Return the brackets that say a shape; a box that stands for several has two lines at its sides."""
        if box.id in self.chart.signs:
            return '(("', '"))'
        return ('[["', '"]]') if box.repeat > 1 else _SHAPES.get(box.kind, ('("', '")'))


def _text(text: str) -> str:
    """Return *text* so that it means nothing to Mermaid, parted by word joiners, which nobody sees, where need be."""
    words = " ".join(clean(text).split()) or "\u00a0"
    parted = _TOGETHER.sub(lambda match: f"{match[0]}\u2060", words)
    return _LETTER.sub(lambda match: match[1] or f"#{ord(match[2])};", parted)


__all__ = ["render"]
