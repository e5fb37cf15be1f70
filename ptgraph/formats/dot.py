"""Graphviz: the figure as a graph in DOT, for people who lay it out and restyle it themselves. Modules are clusters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import graphviz

from ptgraph.drawing.palettes import FONT, Palette, palette
from ptgraph.drawing.text import clean
from ptgraph.figure.options import Shown
from ptgraph.figure.output_brackets import is_bracket
from ptgraph.formats.flowchart import Chart, box_lines, chart
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import Box


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the figure as one file, ``dot``."""
    return {"dot": [dot(graph, options).source.encode("utf-8", "backslashreplace")]}


def dot(graph: ModelGraph, options: Options) -> graphviz.Digraph:
    """Return the figure as a Graphviz graph, with the depth and the theme of *options*."""
    drawn, colors, font = chart(graph, options), palette(options.figure.theme), options.figure.font or FONT
    diagram = graphviz.Digraph(
        graph_attr={
            "rankdir": options.figure.direction or "TB",
            "fontname": font,
            "fontsize": "12",
            "fontcolor": colors.text,
            "nodesep": "0.28",
            "ranksep": "0.34",
            "bgcolor": colors.page,
            "tooltip": _plain(graph.name),
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
    names = drawn.identifiers()
    _Nodes(graph, options.figure.show, drawn, names, colors).add(diagram, drawn.root)
    for arrow in drawn.arrows:
        attributes = {"label": _plain(f" {arrow.label}")} if arrow.label else {}
        if arrow.shared:
            attributes["style"] = "dashed"
        diagram.edge(names[arrow.source], names[arrow.target], **attributes)
    return diagram


@dataclass(frozen=True)
class _Nodes:
    """The nodes and clusters of a chart: the names of its boxes, and what they say and look like."""

    graph: ModelGraph
    show: tuple[Shown, ...]
    chart: Chart
    names: dict[str, str]
    colors: Palette

    def add(self, diagram: graphviz.Digraph, name: str) -> None:
        """Add the parts of a box to *diagram*."""
        for stub, title in self.chart.stubs.get(name, ()):
            diagram.node(
                self.names[stub],
                _plain(title),
                tooltip=_plain(f"{title}, read here"),
                style="rounded,dashed",
                fontsize="10",
                margin="0.06,0.02",
                height="0.2",
                width="0.3",
                color=self.colors.line,
                fontcolor=self.colors.muted,
            )
        for part in self.chart.boxes[name].parts:
            if part in self.chart.frames:
                self._add_frame(diagram, part)
            else:
                self._add_box(diagram, self.chart.boxes[part])

    def _add_frame(self, diagram: graphviz.Digraph, name: str) -> None:
        box = self.chart.boxes[name]
        style = self.colors.frame(box.category)
        with diagram.subgraph(name=f"cluster_{self.names[name]}") as frame:
            frame.attr(
                label=self._label(box, "left"),
                labeljust="l",
                style="rounded,filled",
                fillcolor=style.fill,
                color=style.border,
                penwidth="0.9",
                margin="10",
                tooltip=_tooltip(box),
            )
            self.add(frame, name)

    def _add_box(self, diagram: graphviz.Digraph, box: Box) -> None:
        style = self.colors.style(box.category)
        attributes = {"fillcolor": style.fill, "color": style.border}
        if box.kind in ("input", "output"):
            attributes["style"] = "rounded,filled,bold"
        if box.repeat > 1 or is_bracket(box):
            attributes["peripheries"] = "2"
        sign = self.chart.signs.get(box.id)
        if sign:
            attributes |= {"shape": "circle", "style": "filled", "margin": "0", "width": "0.2", "height": "0.2"}
        inside = ", ".join(self.chart.boxes[part].title for part in box.parts) if is_bracket(box) else ""
        tooltip = _plain(inside) or _tooltip(box)
        diagram.node(self.names[box.id], sign or self._label(box), tooltip=tooltip, **attributes)

    def _label(self, box: Box, side: str = "") -> str:
        """Return the lines of a box in Graphviz's HTML-like form; those of a frame stand at its *side*."""
        title, *notes = box_lines(self.graph, box, self.show)
        if box.kind == "op" and not notes:
            return _plain(title)
        bold = "{}" if box.kind == "op" else "<b>{}</b>"
        small = f'<font point-size="10" color="{self.colors.muted}">{{}}</font>'
        lines = [form.format(escape(_apart(text))) for form, text in zip((bold, small), (title, *notes), strict=False)]
        return "<" + (f'<br align="{side}"/>'.join([*lines, ""]) if side else "<br/>".join(lines)) + ">"


def _tooltip(box: Box) -> str:
    counts = {"parameters": box.params, "FLOPs": box.flops}
    numbers = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    name = box.component or box.title
    return _plain(f"{name}: {numbers}" if numbers else name)


def _plain(text: str) -> str:
    """Return *text* for a value that is not HTML, with Graphviz's own escapes and entities escaped.

    The result is of a class by which the package graphviz knows that a text such as ``<i>`` is to be quoted.
    """
    found: str = graphviz.escape(_apart(clean(text).replace("&", "&amp;")))
    return found


def _apart(text: str) -> str:
    """Return *text* with an invisible word joiner within escapes such as ``\\N``, for which Graphviz puts in a name."""
    return re.sub(r"\\(?=[EGHLNT])", "\\\\\u2060", text)


__all__ = ["dot", "render"]
