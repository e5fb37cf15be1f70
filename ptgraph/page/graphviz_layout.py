"""The layout of boxes on the page: by Graphviz, from the wheel ``graphviz-pure``, or for dense graphs in layers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import graphviz

from ptgraph.drawing.text_metrics import plain_width, text_width
from ptgraph.errors import ExportError
from ptgraph.graph.view.model import View
from ptgraph.page.layered_layout import Layers

PROGRAM = "graphviz-pure"
SECONDS = 600  # of processor time: then Graphviz ends by itself, even if this process is gone
LARGEST = 4000  # layers that all edges inside of a box pass together; beyond, Graphviz takes minutes
POINTS = 72  # Graphviz measures boxes in inches of 72 points; everything here is in points
STUB_HEIGHT = 18
TITLE, SUBTITLE = 13, 11  # sizes of text, as in page/web/src/layout/metrics.js


@dataclass(frozen=True, slots=True)
class Place:
    """Centre and size of a box, in points, the y axis down."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class BoxLayout:
    """The inside of an opened box: its size in points, and the places of its parts and then of its stubs, in order.

    Boxes whose insides look alike share one layout, whatever is in them.
    """

    width: float
    height: float
    places: tuple[Place, ...]


def program() -> str:
    """Return the path of the Graphviz program. Raises ExportError, which says how to install it, if it is missing."""
    beside = Path(sys.executable).parent / PROGRAM
    found = str(beside) if beside.exists() else shutil.which(PROGRAM)
    if found is None:
        raise ExportError(f"the program {PROGRAM} is missing; install it: pip install {PROGRAM}")
    return found


def run(source: str, format: str) -> str:
    """Run ``dot`` on the DOT text *source* (one graph or several), and return its output.

    Raises ExportError if the program is missing, fails, or takes too long.
    """
    command = [program(), "-Kdot", f"-T{format}"]
    shell = shutil.which("sh") if os.name == "posix" else None
    if shell is not None:
        command = [shell, "-c", f'ulimit -S -t {SECONDS} 2>/dev/null; exec "$0" "$@"', *command]
    try:
        result = subprocess.run(command, input=source, encoding="utf-8", capture_output=True, check=False)
    except OSError as error:
        raise ExportError(f"the program {PROGRAM} cannot be run: {error.strerror or error}") from error
    if os.name == "posix" and result.returncode == -signal.SIGXCPU:
        raise ExportError(f"Graphviz did not end within {SECONDS} seconds of processor time")
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f"it says nothing (exit code {result.returncode})"]
        raise ExportError(f"Graphviz failed: {next((s for s in lines if s.startswith('Error')), lines[0])}")
    return result.stdout


def box_size(title: str, subtitle: str) -> tuple[float, float]:
    """Return width and height, in points, of a box that holds two lines of text."""
    width = max(text_width(title, TITLE), plain_width(subtitle, SUBTITLE)) + 26
    return max(72.0, round(width)), 44.0 if subtitle else 30.0


def scopes(view: View, sizes: dict[str, tuple[float, float]]) -> dict[str, tuple[BoxLayout, list[tuple[str, str]]]]:
    """Return the layout of the inside of every box that has parts, with all parts closed, and the stubs in it.

    *sizes* gives width and height of every box, in points. A stub is a value and the box that reads it. Boxes in one
    layout never overlap. Insides that look alike are laid out once. Raises what `run` does.
    """
    inside = _links_by_scope(view)
    graphs: dict[str, tuple[_Graph, list[tuple[str, str]]]] = {}
    for box in view.boxes.values():
        if box.parts:
            links = inside.get(box.id, [])
            stubs = list(dict.fromkeys((source, target) for source, target, kind in links if kind == "stub"))
            graphs[box.id] = _graph(box.parts, links, stubs, sizes, view), stubs
    found: dict[_Graph, BoxLayout] = {}
    small: list[_Graph] = []
    for graph in dict.fromkeys(graph for graph, _ in graphs.values()):
        layers = Layers(len(graph.sizes), graph.edges)
        if layers.span > LARGEST:
            found[graph] = _in_layers(graph, layers)
        else:
            small.append(graph)
    if small:
        found |= zip(small, _read_plain(run("\n".join(map(_dot, small)), "plain")), strict=True)
    return {name: (found[graph], stubs) for name, (graph, stubs) in graphs.items()}


@dataclass(frozen=True, slots=True)
class _Graph:
    """The inside of a box, for Graphviz: sizes of numbered boxes, and edges. Insides that look alike are equal."""

    sizes: tuple[tuple[float, float], ...]
    edges: tuple[tuple[int, int], ...]


def _links_by_scope(view: View) -> dict[str, list[tuple[str, str, str]]]:
    """Return the links among the parts of each box: source, target, and ``link``, ``stub`` or ``order``.

    A shared value is a stub at each reader that no line from it leads to. One invisible link to the first of these
    readers (``order``) keeps its source above them.
    """
    found: dict[str, dict[tuple[str, str, str], None]] = {}
    ordered: set[tuple[str, str]] = set()
    reached: set[tuple[str, str]] = set()  # a value, and a box that a line of it leads to or into
    meetings = list(zip(view.links, view.meetings, strict=True))
    for link, (meet, source, target) in meetings:
        if not link.shared:
            found.setdefault(meet, {})[source, target, "link"] = None
            below = view.chain(link.target)
            reached.update((link.source, child) for child in below[: below.index(meet)])
    for link, (meet, source, target) in meetings:
        if not link.shared:
            continue
        if (meet, source) not in ordered:
            ordered.add((meet, source))
            found.setdefault(meet, {})[source, target, "order"] = None
        below = view.chain(link.target)
        for child, scope in pairwise(below[: below.index(meet) + 1]):
            if (link.source, child) not in reached:
                found.setdefault(scope, {})[link.source, child, "stub"] = None
    return {scope: list(links) for scope, links in found.items()}


def _graph(
    parts: Sequence[str],
    links: Iterable[tuple[str, str, str]],
    stubs: Sequence[tuple[str, str]],
    sizes: dict[str, tuple[float, float]],
    view: View,
) -> _Graph:
    wide = [(stub_width(view.label(source)), float(STUB_HEIGHT)) for source, _ in stubs]
    number: dict[Any, int] = {what: k for k, what in enumerate([*parts, *stubs])}
    edges = ((number[(source, target) if kind == "stub" else source], number[target]) for source, target, kind in links)
    return _Graph((*(sizes[part] for part in parts), *wide), tuple(edges))


def _dot(inside: _Graph) -> str:
    """Return the DOT text of the inside of a box."""
    graph = graphviz.Digraph(
        graph_attr={"nodesep": "0.32", "ranksep": "0.42", "margin": "0"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    for k, (width, height) in enumerate(inside.sizes):
        graph.node(str(k), width=f"{width / POINTS:.4f}", height=f"{height / POINTS:.4f}")
    for source, target in inside.edges:
        graph.edge(str(source), str(target))
    return str(graph.source)


def _in_layers(inside: _Graph, layers: Layers) -> BoxLayout:
    """Return the layout of the inside of a box without Graphviz."""
    centres = layers.places(inside.sizes)
    places = [
        Place(round(x, 1), round(y, 1), round(width, 1), round(height, 1))
        for (x, y), (width, height) in zip(centres, inside.sizes, strict=True)
    ]
    right, bottom = max(p.x + p.width / 2 for p in places), max(p.y + p.height / 2 for p in places)
    return BoxLayout(round(right, 1), round(bottom, 1), tuple(places))


def stub_width(title: str) -> float:
    """Return the width of a stub with the text *title*, in points."""
    return max(28.0, round(plain_width(title, SUBTITLE)) + 14)


def _read_plain(text: str) -> list[BoxLayout]:
    """Read Graphviz's plain format: one graph a block, inches, the y axis up."""
    found: list[BoxLayout] = []
    width = height = 0.0
    places: dict[int, Place] = {}
    for line in text.splitlines():
        words = line.split()
        if words[0] == "graph":
            width, height = float(words[2]) * POINTS, float(words[3]) * POINTS
            places = {}
        elif words[0] == "node":
            x, y, w, h = (float(word) * POINTS for word in words[2:6])
            places[int(words[1])] = Place(round(x, 1), round(height - y, 1), round(w, 1), round(h, 1))
        elif words[0] == "stop":
            found.append(BoxLayout(round(width, 1), round(height, 1), tuple(places[k] for k in sorted(places))))
    return found


__all__ = ["BoxLayout", "Place", "box_size", "program", "run", "scopes", "stub_width"]
