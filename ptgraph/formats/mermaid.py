"""Mermaid: the figure as a flowchart that GitHub draws in a README. Modules are subgraphs.

Every letter that has a meaning in Mermaid, or in the Markdown of its labels, is written by its number.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ptgraph.drawing.palettes import LINE, Palette, palette
from ptgraph.drawing.text import clean
from ptgraph.errors import ExportError
from ptgraph.figure.options import FigureOptions
from ptgraph.figure.output_brackets import is_bracket
from ptgraph.formats.flowchart import Chart, box_lines, chart
from ptgraph.formats.options import Options
from ptgraph.graph.labels import count_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import Box

MOST_LETTERS, MOST_ARROWS = 50_000, 500  # Mermaid's default limits, which GitHub keeps
_PLAIN = r"[^\W_]|(?<!direction) |[,/×·–…→]|(?<=[^\W_])[._+-](?=[^\W_])"
_LETTER = re.compile(f"({_PLAIN})|(.)", re.DOTALL)
# Mermaid reads these even when they are escaped: a line break, a formula, an icon.
_TOGETHER = re.compile(r"\\(?=n)|\$(?=\$)|:(?=fa-)")
_SHAPES = {"input": ('(["', '"])'), "output": ('(["', '"])'), "op": ('["', '"]')}
# Room for titles, and for the names of classes.
_SETTINGS = '%%{init: {"flowchart": {"subGraphTitleMargin": {"top": 2, "bottom": 10}, "wrappingWidth": 480}}}%%'


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the figure as one file, ``mmd``; raises ExportError if it is larger than Mermaid draws."""
    drawn = chart(graph, options)
    text = "\n".join(_Flowchart(graph, options.figure, drawn, palette(options.figure.theme)).lines()) + "\n"
    for count, most, what in ((len(drawn.arrows), MOST_ARROWS, "arrows"), (len(text), MOST_LETTERS, "letters")):
        if count > most:
            remedy = "choose a smaller depth" if options.depth != 1 else "take another format, such as svg"
            raise ExportError(
                f"Mermaid draws at most {most:,} {what}, and this figure of {graph.name} has {count:,}; {remedy}"
            )
    return {"mmd": [text.encode("utf-8", "backslashreplace")]}


@dataclass(frozen=True)
class _Flowchart:
    """A chart, and what its boxes say and look like."""

    graph: ModelGraph
    options: FigureOptions
    chart: Chart
    colors: Palette

    @cached_property
    def names(self) -> dict[str, str]:
        """The name of each box, none of which Mermaid reserves."""
        return {name: f"b{number}" for number, name in enumerate(self.chart.identifiers(), 1)}

    def lines(self) -> Iterator[str]:
        size = f", {count_text(self.graph.component('').total_params)} parameters" if self.graph.kind.classes else ""
        yield _SETTINGS
        yield f"flowchart {self.options.direction or 'TB'}"
        yield f"  accTitle: {_text(self.graph.name + size)}"
        yield from self._parts(self.chart.root, "  ")
        for arrow in self.chart.arrows:
            label = f'|"{_text(arrow.label)}"|' if arrow.label else ""
            line = "-.->" if arrow.shared else "-->"
            yield f"  {self.names[arrow.source]} {line}{label} {self.names[arrow.target]}"
        classes: dict[str, list[str]] = defaultdict(list)
        for name, style in self._styles(self.chart.root):
            classes[style].append(name)
        for number, (style, names) in enumerate(classes.items()):
            yield f"  classDef c{number} {style}"
            yield f"  class {','.join(names)} c{number}"
        if self.chart.arrows:  # a README may be light or dark, and this grey is seen on both
            yield f"  linkStyle default stroke:{LINE}"

    def _parts(self, name: str, margin: str) -> Iterator[str]:
        for stub, title in self.chart.stubs.get(name, ()):
            yield f'{margin}{self.names[stub]}(["{_text(title)}"])'
        for part in self.chart.boxes[name].parts:
            box, sign = self.chart.boxes[part], self.chart.signs.get(part)
            texts = [sign] if sign else box_lines(self.graph, box, self.options.show)
            if part in self.chart.frames:  # Mermaid leaves room for one line over the parts of a frame
                yield f'{margin}subgraph {self.names[part]}["{" · ".join(map(_text, texts))}"]'
                yield from self._parts(part, margin + "  ")
                yield f"{margin}end"
            else:
                left, right = self._shape(box)
                yield f"{margin}{self.names[part]}{left}{'<br/>'.join(map(_text, texts))}{right}"

    def _styles(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the name of each box, frame and stub in a box with its style."""
        for stub, _ in self.chart.stubs.get(name, ()):
            style = f"fill:{self.colors.page},stroke:{self.colors.line},color:{self.colors.muted},stroke-dasharray:3 3"
            yield self.names[stub], style
        for part in self.chart.boxes[name].parts:
            category, framed = self.chart.boxes[part].category, part in self.chart.frames
            if framed:
                yield from self._styles(part)
            colors = self.colors.frame(category) if framed else self.colors.style(category)
            yield self.names[part], f"fill:{colors.fill},stroke:{colors.border},color:{self.colors.text}"

    def _shape(self, box: Box) -> tuple[str, str]:
        """Return the brackets of a box's shape; a box that stands for several has two lines at its sides."""
        if box.id in self.chart.signs:
            return '(("', '"))'
        return ('[["', '"]]') if box.repeat > 1 or is_bracket(box) else _SHAPES.get(box.kind, ('("', '")'))


def _text(text: str) -> str:
    """Return *text* escaped; word joiners, which nobody sees, part what Mermaid reads even so."""
    words = " ".join(clean(text).split()) or "\u00a0"
    parted = _TOGETHER.sub(lambda match: f"{match[0]}\u2060", words)
    return _LETTER.sub(lambda match: match[1] or f"#{ord(match[2])};", parted)


__all__ = ["render"]
