"""SVG: one figure, drawn by Graphviz. Modules are frames, equal blocks stand once with ×N, edges say shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

import graphviz

from .. import layout
from ..graph import ModelGraph
from ..options import Options
from ..style import FALLBACKS, FONT, LINE, MUTED, TEXT, style
from ..view import Box, View, count_text, view

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the figure as one file, ``svg``."""
    return {"svg": [draw(graph, options.depth).encode()]}


def draw(graph: ModelGraph, depth: int | None = None) -> str:
    """Return the SVG text; without a *depth* it opens as many levels as a figure holds well."""
    picture = view(graph)
    text = layout.run(dot(picture, picture.opened(depth)).source, "svg")
    size = "" if graph.is_pipeline else f": {count_text(graph.component('').total_params)} parameters"
    title = f"<title>{escape(_clean(graph.name))}{size}</title>\n"
    text = text.replace(f'font-family="{FONT}"', f'font-family="{FONT},{FALLBACKS}"')
    text = _titles_on_top(_centred(text))
    head, svg, body = text.partition("<svg")
    attributes, end, rest = body.partition(">\n")
    return head + svg + attributes + end + title + rest


def _centred(text: str) -> str:
    """Centre the text of each box: Graphviz puts its start where the middle would be, had it measured rightly."""

    def centre(match: re.Match[str]) -> str:
        shape = re.search(r' (?:d|points)="([^"]+)"', match[0])
        xs = [float(x) for x in re.findall(r"(-?[\d.]+),", shape[1])] if shape else [0.0]
        middle = f'text-anchor="middle" x="{(min(xs) + max(xs)) / 2:.2f}"'
        return re.sub(r'text-anchor="start" x="[^"]*"', middle, match[0])

    return re.sub(r'<g id="[^"]*" class="node .*?\n</g>\n</g>\n', centre, text, flags=re.DOTALL)


def _titles_on_top(text: str) -> str:
    """Move the titles of frames to the end, with a halo, so that no edge that enters a frame strikes them out."""
    titles: list[str] = []

    def take(match: re.Match[str]) -> str:
        frame = match[0]
        fill = re.search(r'fill="(#[0-9a-f]+)"', frame)
        lines = re.findall(r"<text.*</text>\n", frame)
        stroke = f'stroke="{fill[1] if fill else "white"}" stroke-width="4" stroke-linejoin="round"'
        halo = f'<text paint-order="stroke" {stroke}'
        titles.extend(line.replace("<text", halo, 1) for line in lines)
        return re.sub(r"<text.*</text>\n", "", frame)

    text = re.sub(r'<g id="frame.*?\n</g>\n</g>\n', take, text, flags=re.DOTALL)
    body, end, rest = text.rpartition("</g>\n</svg>")
    return f'{body}<g class="titles">\n{"".join(titles)}</g>\n{end}{rest}' if titles else text


def dot(picture: View, opened: set[str]) -> graphviz.Digraph:
    """Return the figure as a Graphviz graph, with *opened* boxes drawn as frames around their parts."""
    graph = graphviz.Digraph(
        graph_attr={
            "fontname": FONT,
            "fontsize": "12",
            "fontcolor": TEXT,
            "nodesep": "0.28",
            "ranksep": "0.34",
            "bgcolor": "transparent",
        },
        node_attr={
            "shape": "box",
            "style": "rounded,filled",
            "fontname": FONT,
            "fontsize": "12",
            "fontcolor": TEXT,
            "margin": "0.13,0.06",
            "height": "0.38",
            "penwidth": "1.1",
        },
        edge_attr={
            "color": LINE,
            "fontname": FONT,
            "fontsize": "9",
            "fontcolor": MUTED,
            "arrowsize": "0.6",
            "penwidth": "1.1",
        },
    )
    _draw_parts(graph, picture, picture.root, opened)
    _draw_links(graph, picture, opened)
    return graph


def _draw_parts(graph: graphviz.Digraph, picture: View, box: str, opened: set[str]) -> None:
    for part in picture.boxes[box].parts:
        inner = picture.boxes[part]
        if part not in opened:
            look = style(inner.category)
            shape = {"input": "rounded,filled,bold", "output": "rounded,filled,bold"}.get(inner.kind, "rounded,filled")
            graph.node(
                layout.part_name(part),
                label=_label(inner),
                fillcolor=look.fill,
                color=look.border,
                style=shape,
                id=_text(f"box-{part}"),
                tooltip=_tooltip(inner),
                **{"class": inner.kind},
            )
            continue
        with graph.subgraph(name=f"cluster_{layout.part_name(part)}") as frame:
            look = style(inner.category)
            frame.attr(
                label=_label(inner, left=True),
                labeljust="l",
                style="rounded,filled",
                fillcolor=_tint(look.fill),
                color=look.border,
                penwidth="0.9",
                margin="10",
                id=_text(f"frame-{part}"),
                tooltip=_tooltip(inner),
                **{"class": "frame"},
            )
            _draw_parts(frame, picture, part, opened)


def _draw_links(graph: graphviz.Digraph, picture: View, opened: set[str]) -> None:
    at = picture.shown(opened)
    drawn: set[tuple[str, str]] = set()
    for link in picture.links:
        source, target = at[link.source], at[link.target]
        if source == target:
            continue
        if link.shared:
            source = layout.stub_id(link.source, target)
        if (source, target) in drawn:
            continue
        drawn.add((source, target))
        if link.shared:
            _draw_stub(graph, source, picture.label(link.source))
        graph.edge(
            layout.part_name(source),
            layout.part_name(target),
            label=_html([(f" {_clean(link.label)}", 9, "")]),
            style="dashed" if link.shared else "solid",
        )


def _draw_stub(graph: graphviz.Digraph, name: str, title: str) -> None:
    graph.node(
        layout.part_name(name),
        label=_html([(_cut(title), 10, "")]),
        style="rounded,dashed",
        color=LINE,
        fontcolor=MUTED,
        fontsize="10",
        margin="0.06,0.02",
        height="0.2",
        width="0.3",
        tooltip=_text(f"{title}, read in many places"),
        **{"class": "stub"},
    )


def _label(box: Box, *, left: bool = False) -> str:
    """Return a label of one or two lines, centred or set *left*."""
    title = _cut(box.title)
    if box.kind == "op":
        return _html([(title, 12, "")])
    title += f" ×{box.repeat}" if box.repeat > 1 else ""
    note = " · ".join([box.subtitle] * bool(box.subtitle) + [f"{count_text(box.params)} params"] * bool(box.params))
    return _html(
        [(title, 12, "b")] + [(_cut(note), 10, f'font point-size="10" color="{MUTED}"')] * bool(note), left=left
    )


def _html(lines: list[tuple[str, int, str]], *, left: bool = False) -> str:
    """Return lines of text, with their size and tag, in Graphviz's HTML-like form.

    They get as much room as they may take: Graphviz measures no bold letters, and none but Latin ones.
    """
    width = max(layout.text_width(text, size) for text, size, _ in lines)
    safe = [(escape(_apart(text)), tag) for text, _, tag in lines]
    texts = [f"<{tag}>{text}</{tag.partition(' ')[0]}>" if tag else text for text, tag in safe]
    side = ' align="left" balign="left"' if left else ""
    cell = f'<td width="{round(width)}"{side}>{"<br/>".join(texts)}</td>'
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cell}</tr></table>>'


def _tooltip(box: Box) -> str:
    return _text(f"{box.component or box.title}: {box.params:,} parameters, {box.flops:,} FLOPs")


def _text(text: str) -> str:
    """Return *text* as Graphviz takes it where it is no label: its own escapes and entities mean nothing."""
    return str(graphviz.escape(_apart(_clean(text).replace("&", "&amp;"))))


def _apart(text: str) -> str:
    """Part backslashes from the letters with which Graphviz would put in a name, by a word joiner that nobody sees."""
    return re.sub(r"\\(?=[EGHLNT])", "\\\\\u2060", text)


def _cut(text: str, limit: int = 48) -> str:
    """Return *text* short enough for a box; its tooltip says all of it."""
    return _clean(text if len(text) <= limit else text[: limit - 1] + "…")


def _clean(text: str) -> str:
    """Return *text* with the characters that XML cannot hold written as ``\\x07``."""
    return _NOT_XML.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _tint(color: str) -> str:
    """Return *color* half way to white, for the ground of a frame."""
    channels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{(c + 2 * 255) // 3:02x}" for c in channels)


__all__ = ["dot", "draw", "render"]
