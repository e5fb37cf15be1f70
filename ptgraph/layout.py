"""Where things stand: Graphviz, run as the ``graphviz-pure`` program, which a wheel brings along."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

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
    """The inside of one opened box: its size, and the places of its parts and then of its ``stubs``, in order.

    Scopes that look alike share one ``Scope``, whatever is in them.
    """

    width: float
    height: float
    places: tuple[Place, ...]


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


def scopes(view: View, sizes: dict[str, tuple[float, float]]) -> dict[str, tuple[Scope, list[tuple[str, str]]]]:
    """Lay out the inside of every box that has parts, each with its parts closed; return it with its stubs.

    *sizes* gives width and height of every box; a stub is a value and the box that reads it. Boxes of one scope never
    overlap. What looks alike is laid out once.
    """
    inside = _links_by_scope(view)
    sources: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for box in view.boxes.values():
        if box.parts:
            links = inside.get(box.id, [])
            stubs = list(dict.fromkeys((source, target) for source, target, kind in links if kind == "stub"))
            sources[box.id] = _dot(box.parts, links, stubs, sizes, view), stubs
    graphs = list(dict.fromkeys(text for text, _ in sources.values()))
    found = dict(zip(graphs, _read_plain(run("\n".join(graphs), "plain")) if graphs else [], strict=True))
    return {name: (found[text], stubs) for name, (text, stubs) in sources.items()}


def _links_by_scope(view: View) -> dict[str, list[tuple[str, str, str]]]:
    """Return the links among the parts of each box: (source, target, whether a ``link``, ``stub`` or ``order``).

    A shared value is a stub at each reader that no line of it leads to; one invisible link, to the first of them, keeps
    its source above.
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


def _dot(
    parts: Sequence[str],
    links: Iterable[tuple[str, str, str]],
    stubs: Sequence[tuple[str, str]],
    sizes: dict[str, tuple[float, float]],
    view: View,
) -> str:
    """Return the DOT of a scope; its nodes are numbered, so that scopes that look alike have the same text."""
    graph = graphviz.Digraph(
        graph_attr={"nodesep": "0.32", "ranksep": "0.42", "margin": "0"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    wide = [(stub_width(view.label(source)), STUB_HEIGHT) for source, _ in stubs]
    number: dict[Any, str] = {what: str(k) for k, what in enumerate([*parts, *stubs])}
    for name, (width, height) in zip(number.values(), [*(sizes[part] for part in parts), *wide], strict=True):
        graph.node(name, width=f"{width / POINTS:.4f}", height=f"{height / POINTS:.4f}")
    for source, target, kind in links:
        graph.edge(number[(source, target) if kind == "stub" else source], number[target])
    return str(graph.source)


def stub_width(title: str) -> float:
    """Return the width of a stub that says *title*."""
    return max(28.0, round(text_width(title, 11)) + 14)


def _read_plain(text: str) -> list[Scope]:
    """Read Graphviz's plain format: one graph a block, inches, the y axis up."""
    found: list[Scope] = []
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
            found.append(Scope(round(width, 1), round(height, 1), tuple(places[k] for k in sorted(places))))
    return found


__all__ = ["Place", "Scope", "box_size", "program", "run", "scopes", "stub_id", "stub_width", "text_width"]
