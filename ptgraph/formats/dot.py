"""Graphviz: the figure as a graph in DOT, for people who lay it out and restyle it themselves. Modules are clusters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

import graphviz

from ptgraph.drawing.palettes import FONT, Palette, palette
from ptgraph.drawing.text import clean
from ptgraph.formats.flowchart import Chart, chart, lines
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import Box


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the figure as one file, ``dot``."""
    return {"dot": [dot(graph, options).source.encode("utf-8", "backslashreplace")]}


def dot(graph: ModelGraph, options: Options) -> graphviz.Digraph:
    """Return the figure as a Graphviz graph, as deep and with the looks that *options* say."""
    return _Drawing(graph, options).finish()


class _Drawing:
    def __init__(self, graph: ModelGraph, options: Options) -> None:
        self.graph = graph
        self.options = options.figure
        self.chart: Chart = chart(graph, options)
        self.names = self.chart.identifiers()
        self.colors: Palette = palette(options.figure.theme)

    def finish(self) -> graphviz.Digraph:
        colors, font = self.colors, self.options.font or FONT
        graph = graphviz.Digraph(
            graph_attr={
                "rankdir": self.options.direction or "TB",
                "fontname": font,
                "fontsize": "12",
                "fontcolor": colors.text,
                "nodesep": "0.28",
                "ranksep": "0.34",
                "bgcolor": colors.page,
                "tooltip": _plain(self.graph.name),
            },
            node_attr={
                "shape": "box",
                "style": "rounded,filled",
                "fontname": font,
                "fontsize": "12",
                "fontcolor": colors.text,
                "margin": "0.13,0.06",
                "height": "0.38",
                "penwidth": "1.1",
            },
            edge_attr={
                "color": colors.line,
                "fontname": font,
                "fontsize": "9",
                "fontcolor": colors.muted,
                "arrowsize": "0.6",
                "penwidth": "1.1",
            },
        )
        self._parts(graph, self.chart.root)
        for arrow in self.chart.arrows:
            look = {"style": "dashed"} if arrow.shared else {}
            label = {"label": _plain(f" {arrow.label}")} if arrow.label else {}
            graph.edge(self.names[arrow.source], self.names[arrow.target], **label, **look)
        return graph

    def _parts(self, graph: graphviz.Digraph, name: str) -> None:
        for stub, title in self.chart.stubs.get(name, ()):
            look = {"style": "rounded,dashed", "fontsize": "10", "margin": "0.06,0.02", "height": "0.2", "width": "0.3"}
            colors = {"color": self.colors.line, "fontcolor": self.colors.muted}
            graph.node(self.names[stub], _plain(title), tooltip=_plain(f"{title}, read here"), **look, **colors)
        for part in self.chart.boxes[name].parts:
            if part in self.chart.frames:
                self._frame(graph, part)
            else:
                self._box(graph, self.chart.boxes[part])

    def _frame(self, graph: graphviz.Digraph, name: str) -> None:
        box = self.chart.boxes[name]
        look = self.colors.frame(box.category)
        with graph.subgraph(name=f"cluster_{self.names[name]}") as frame:
            frame.attr(
                label=self._label(box, "left"),
                labeljust="l",
                style="rounded,filled",
                fillcolor=look.fill,
                color=look.border,
                penwidth="0.9",
                margin="10",
                tooltip=_tooltip(box),
            )
            self._parts(frame, name)

    def _box(self, graph: graphviz.Digraph, box: Box) -> None:
        look = self.colors.style(box.category)
        more = {"style": "rounded,filled,bold"} if box.kind in ("input", "output") else {}
        more |= {"peripheries": "2"} if box.repeat > 1 else {}
        label = self.chart.signs.get(box.id)
        more |= {"shape": "circle", "style": "filled", "margin": "0", "width": "0.2", "height": "0.2"} if label else {}
        colors = {"fillcolor": look.fill, "color": look.border}
        graph.node(self.names[box.id], label or self._label(box), tooltip=_tooltip(box), **colors, **more)

    def _label(self, box: Box, side: str = "") -> str:
        """Return the lines of a box in Graphviz's HTML-like form; those of a frame stand at its *side*."""
        title, *notes = lines(self.graph, box, self.options.show)
        if box.kind == "op" and not notes:
            return _plain(title)
        bold = "{}" if box.kind == "op" else "<b>{}</b>"
        small = f'<font point-size="10" color="{self.colors.muted}">{{}}</font>'
        words = [form.format(escape(_apart(text))) for form, text in zip((bold, small), (title, *notes), strict=False)]
        return "<" + (f'<br align="{side}"/>'.join([*words, ""]) if side else "<br/>".join(words)) + ">"


def _tooltip(box: Box) -> str:
    counts = {"parameters": box.params, "FLOPs": box.flops}
    words = [f"{count:,} {what}" for what, count in counts.items() if count]
    return _plain(": ".join([box.component or box.title, *[", ".join(words)] * bool(words)]))


def _plain(text: str) -> str:
    """Return *text* as Graphviz takes it where it is no HTML: its own escapes and entities mean nothing."""
    return str(graphviz.escape(_apart(clean(text).replace("&", "&amp;"))))


def _apart(text: str) -> str:
    """Part backslashes from the letters with which Graphviz would put in a name, by a word joiner that nobody sees."""
    return re.sub(r"\\(?=[EGHLNT])", "\\\\\u2060", text)


__all__ = ["dot", "render"]
