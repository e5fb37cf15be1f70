"""Where things stand: Graphviz, run as the ``graphviz-pure`` program, which a wheel brings along."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import graphviz
from graphviz.backend import execute

from .errors import ExportError
from .view import View

PROGRAM = "graphviz-pure"
POINTS = 72  # Graphviz measures boxes in inches of 72 points; everything here is in points
STUB_HEIGHT = 18


@dataclass(frozen=True, slots=True)
class Place:
    """Centre and size of a box, in points, the y axis down."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Scope:
    """The inside of one opened box: its size, its parts and the stubs among them, by id."""

    width: float
    height: float
    places: dict[str, Place]


def program() -> str:
    """Return the path of the Graphviz program; ExportError says how to get it if it is missing."""
    beside = Path(sys.executable).parent / PROGRAM
    found = str(beside) if beside.exists() else shutil.which(PROGRAM)
    if found is None:
        raise ExportError(f"the program {PROGRAM} is missing; install it: pip install {PROGRAM}")
    return found


def run(source: str, format: str) -> str:
    """Run ``dot`` on the DOT text *source* (one graph or several) and return what it writes."""
    try:
        result = execute.run_check(
            [program(), "-Kdot", f"-T{format}"], input=source, encoding="utf-8", capture_output=True, quiet=True
        )
    except execute.CalledProcessError as error:
        lines = str(error.stderr).strip().splitlines() or ["it says nothing"]
        raise ExportError(f"Graphviz failed: {next((s for s in lines if s.startswith('Error')), lines[0])}") from error
    return str(result.stdout)


def text_width(text: str, size: float) -> float:
    """Return an upper estimate of the width of *text* in a bold sans-serif of *size* points."""
    return sum(map(_character_width, text)) * size


def _character_width(character: str) -> float:
    if character in "iljtfr.,:;|'·× ":
        return 0.34
    if character in "mwMW@%" or ord(character) > 0x24F:  # other scripts may be wide
        return 1.0
    return 0.75 if character.isupper() else 0.60


def box_size(title: str, subtitle: str) -> tuple[float, float]:
    """Return width and height of a box that holds two lines of text."""
    width = max(text_width(title, 13), text_width(subtitle, 11)) + 26
    return max(72.0, round(width)), 44.0 if subtitle else 30.0


def stub_id(source: str, child: str) -> str:
    """Return the id of the stub of the value *source* at the box *child*."""
    return f"{source}→{child}"


def scopes(view: View, sizes: dict[str, tuple[float, float]]) -> dict[str, Scope]:
    """Lay out the inside of every box that has parts, each with its parts closed.

    *sizes* gives width and height of every box. Boxes of one scope never overlap.
    """
    inside = _links_by_scope(view)
    graphs, names = [], []
    for box in view.boxes.values():
        if box.parts:
            names.append(box.id)
            graphs.append(_dot(box.parts, inside.get(box.id, ()), sizes, view))
    found = _read_plain(run("\n".join(graphs), "plain")) if graphs else []
    return dict(zip(names, found, strict=True))


def _links_by_scope(view: View) -> dict[str, list[tuple[str, str, str]]]:
    """Return the links among the parts of each box: (source, target, whether a ``link``, ``stub`` or ``order``).

    A shared value is a stub at each reader; one invisible link, to the first of them, keeps its source above.
    """
    found: dict[str, dict[tuple[str, str, str], None]] = {}
    ordered: set[tuple[str, str]] = set()
    for link in view.links:
        above, below = view.chain(link.source), view.chain(link.target)
        around = set(above)
        meet = next(box for box in below if box in around)
        source, target = above[above.index(meet) - 1], below[below.index(meet) - 1]
        if not link.shared:
            found.setdefault(meet, {})[source, target, "link"] = None
            continue
        if (meet, source) not in ordered:
            ordered.add((meet, source))
            found.setdefault(meet, {})[source, target, "order"] = None
        for child, scope in pairwise(below[: below.index(meet) + 1]):
            found.setdefault(scope, {})[stub_id(link.source, child), child, "stub"] = None
    return {scope: list(links) for scope, links in found.items()}


def _dot(
    parts: Sequence[str],
    links: Iterable[tuple[str, str, str]],
    sizes: dict[str, tuple[float, float]],
    view: View,
) -> str:
    graph = graphviz.Digraph(
        graph_attr={"nodesep": "0.32", "ranksep": "0.42", "margin": "0"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    for part in parts:
        width, height = sizes[part]
        graph.node(part_name(part), width=f"{width / POINTS:.4f}", height=f"{height / POINTS:.4f}")
    for source, target, kind in links:
        if kind == "stub":
            width = stub_width(view.boxes[source.rpartition("→")[0]].title)
            graph.node(part_name(source), width=f"{width / POINTS:.4f}", height=f"{STUB_HEIGHT / POINTS:.4f}")
        graph.edge(part_name(source), part_name(target))
    return str(graph.source)


def stub_width(title: str) -> float:
    """Return the width of a stub that says *title*."""
    return max(28.0, round(text_width(title, 11)) + 14)


def part_name(name: str) -> str:
    """Return *name* safe from Graphviz, which reads a colon as a port; spaces would split plain output."""
    return "n" + name.encode(errors="surrogatepass").hex()


def _read_plain(text: str) -> list[Scope]:
    """Read Graphviz's plain format: one graph a block, inches, the y axis up."""
    found: list[Scope] = []
    width = height = 0.0
    places: dict[str, Place] = {}
    for line in text.splitlines():
        words = line.split()
        if words[0] == "graph":
            width, height = float(words[2]) * POINTS, float(words[3]) * POINTS
            places = {}
        elif words[0] == "node":
            x, y, w, h = (float(word) * POINTS for word in words[2:6])
            name = bytes.fromhex(words[1][1:]).decode(errors="surrogatepass")
            places[name] = Place(round(x, 1), round(height - y, 1), round(w, 1), round(h, 1))
        elif words[0] == "stop":
            found.append(Scope(round(width, 1), round(height, 1), places))
    return found


__all__ = ["Place", "Scope", "box_size", "program", "run", "scopes", "stub_id", "stub_width", "text_width"]
