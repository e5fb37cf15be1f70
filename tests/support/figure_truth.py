"""What must be true of every picture: each input that is read and each value between its boxes is drawn, or named.

A picture is what a figure or a chart for DOT or Mermaid draws: boxes, lines, and stubs. States of the page are held
against the same rules by `page_walk`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import networkx as nx

from ptgraph.drawing.shapes import Drawing
from ptgraph.figure.simplify import simplify
from ptgraph.figure.stages import in_stages
from ptgraph.formats.flowchart import Chart
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.auxiliary import auxiliary_operations
from ptgraph.graph.view.build import view
from ptgraph.graph.view.flow import drawn_flow, no_ops
from ptgraph.graph.view.sums import zeros
from tests.support.figure_checks import of_kind

_HELD = ("parameter", "buffer", "constant", "input", "output")


class Picture(NamedTuple):
    """The ids of boxes and signs, the lines (from, to), and the stubs (text, box that reads it).

    *brackets* maps the id of a box that stands for several outputs to the names that it says.
    """

    boxes: list[str]
    lines: list[tuple[str, str]]
    stubs: list[tuple[str, str]]
    brackets: dict[str, list[str]]

    @staticmethod
    def of_drawing(drawing: Drawing) -> Picture:
        """Return the picture of a figure."""
        lines = [item.id.split("→") for item in of_kind(drawing, "edge")]
        stubs = [item.title.rpartition(", read by ")[::2] for item in of_kind(drawing, "stub")]
        boxes = [item.id for item in of_kind(drawing, "box", "sign")]
        outputs = [item for item in of_kind(drawing, "box") if item.id.startswith("outputs:")]
        brackets = {item.id: item.title.partition(": ")[2].split(", ") for item in outputs}
        return Picture(boxes, [(a, b) for a, b in lines], stubs, brackets)

    @staticmethod
    def of_chart(chart: Chart) -> Picture:
        """Return the picture of a chart, as DOT and Mermaid draw it: their tests hold what they draw against it."""
        texts = {stub: text for stubs in chart.stubs.values() for stub, text in stubs}
        arrows = [(arrow.source, _id(arrow.target)) for arrow in chart.arrows]
        return Picture(
            [_id(box) for box in chart.inside(chart.root) if box not in chart.frames],
            [(_id(source), target) for source, target in arrows if source not in texts],
            [(texts[source], target) for source, target in arrows if source in texts],
            {
                box: [chart.boxes[part].title for part in chart.boxes[box].parts]
                for box in chart.inside(chart.root)
                if chart.boxes[box].kind == "output" and chart.boxes[box].parts
            },
        )


def _id(box: str) -> str:
    """Return the id that a figure gives a box of a view; the root, which no figure has as a box, has none."""
    return box.removeprefix("/")


def torn(graph: ModelGraph, drawn: Drawing | Chart) -> list[str]:
    """Return what a picture of all of *graph* leaves out, a sentence each.

    An input that an operation reads is a box with a line that leaves it, or the name of a stub. A box that reads a
    value which depends on an input has a line or a stub that comes in, from each box that is drawn and gives it one;
    one whose value is read outside of it has a line that leaves. An output is a box, or named by one that stands for
    several, with a line from what gives it.
    """
    ops = graph.ops
    inputs = graph.of_kind("input")
    alive = set(inputs).union(*(nx.descendants(ops, name) for name in inputs))
    boxes, lines, stubs, brackets = picture = (
        Picture.of_chart(drawn) if isinstance(drawn, Chart) else Picture.of_drawing(drawn)
    )
    entered = {target for _, target in lines} | {reader for _, reader in stubs}
    left = {source for source, _ in lines}
    named = {text for text, _ in stubs}
    found = []
    for name in inputs:
        if any(reader in alive for reader in ops.successors(name)) and ops.nodes[name]["target"] not in named:
            if name not in boxes:
                found.append(f"input {name} is not drawn")
            elif name not in left:
                found.append(f"no line leaves input {name}")
    told = {name for names in brackets.values() for name in names}
    for name in graph.of_kind("output"):
        if name in alive and name not in boxes and ops.nodes[name]["target"] not in told:
            found.append(f"output {name} is not drawn")
    members = _members(graph)
    for box in boxes:
        inside = members.get(box, {box} if box in ops else set())
        reads = {s for one in inside for s in ops.predecessors(one) if s not in inside and s in alive}
        gives = {one for one in inside if one in alive and any(r not in inside for r in ops.successors(one))}
        kind = ops.nodes[box]["kind"] if box in ops else ""
        if reads and box not in entered:
            found.append(f"nothing comes into {box}, which reads {sorted(reads)[:3]}")
        if gives and box not in left and kind != "input":
            found.append(f"nothing leaves {box}, which gives {sorted(gives)[:3]}")
    return found + _missing(graph, picture, alive)


def _missing(graph: ModelGraph, picture: Picture, alive: set[str]) -> list[str]:
    """Return the lines between two drawn boxes that a figure leaves out without naming the value at its reader."""
    boxes = _Boxes(graph, set(picture.boxes), picture.brackets)
    auxiliary = auxiliary_operations(graph)
    flow = drawn_flow(graph, auxiliary, no_ops(graph))
    nothing = zeros(graph)  # left out where a sum starts with them: of what they read, they have the shape alone
    named: dict[str, set[str]] = {}
    for text, reader in picture.stubs:
        named.setdefault(reader, set()).add(text)
    lines = set(picture.lines)
    outputs = graph.of_kind("output")
    used = set(outputs).union(*(nx.ancestors(flow, name) for name in outputs))
    found = set()
    for first, reader in flow.edges:
        target = boxes.around(reader)
        if target is None or reader not in used:
            continue
        waiting, seen = [first], set()
        while waiting:  # back to what is drawn, past what is left out
            name = waiting.pop()
            source = boxes.around(name)
            if name in seen or name not in alive or source == target or boxes.is_carried(name, reader):
                continue
            if source is None and (name in boxes.unclear or name in nothing):
                continue
            seen.add(name)
            if source is None:
                waiting.extend(flow.pred[name])
            elif (source, target) not in lines:
                stubs = named.get(target, set())
                names = set().union(*map(boxes.names, _made_of_one(flow, name)))
                if not (name in auxiliary and stubs) and not any(names & _words(stub) for stub in stubs):
                    found.add(f"no line leads from {source} to {target}, which reads {name}")
    return sorted(found)


def _made_of_one(flow: nx.DiGraph[str], name: str) -> Iterator[str]:
    """Yield *name*, and the values before it for as long as each is made from a single one, and what is joined last."""
    yield name
    while len(flow.pred[name]) == 1:
        (name,) = flow.pred[name]
        yield name
    yield from flow.pred[name]


def _words(text: str) -> set[str]:
    return {text, *text.split(), *text.split(".")}


class _Boxes:
    """The boxes of a view of *graph* around its operations, of which the ids *drawn* are those of drawn ones.

    *brackets* are boxes that stand for several outputs, and their names.

    An id that a module and an operation would both have is *unclear*.
    """

    def __init__(self, graph: ModelGraph, drawn: set[str], brackets: Mapping[str, list[str]]) -> None:
        self.graph, self.view = graph, view(graph)
        ids = Counter(map(_id, self.view.boxes))
        self.unclear = {name for name, count in ids.items() if count > 1}
        self.drawn = drawn - self.unclear
        self.leaves = {box.op: box.id for box in self.view.boxes.values() if box.op is not None}
        self.containers = [path for path in _uncalled(graph) if path in self.drawn]
        self.brackets = {name: box for box, names in brackets.items() for name in names}
        self.stages = {leaf: stage for stage, leaves in _stages(graph, drawn - set(ids)).items() for leaf in leaves}

    def chain(self, name: str) -> list[str]:
        """Return the boxes around an operation, or around the one that stands for it."""
        leaf = self.leaves.get(name) or self.view.stands.get(name, ("", {}))[0]
        return self.view.chain(leaf) if leaf else []

    def around(self, name: str) -> str | None:
        """Return the id of the drawn box that an operation is or is in."""
        chain = self.chain(name)
        ids = map(_id, chain)
        op = self.graph.op(name)
        bracket = self.brackets.get(op.target) if op.kind == "output" else None
        containers = (path for path in self.containers if op.scope.startswith(f"{path}."))
        stages = (self.stages[box] for box in chain if box in self.stages)
        return next((box for box in ids if box in self.drawn), bracket or next(stages, None) or next(containers, None))

    def is_carried(self, source: str, reader: str) -> bool:
        """Return whether two operations are in different ones of equal blocks, one of which is drawn for all."""
        one, other = (self.view.stands.get(name, ("", {}))[1] for name in (source, reader))
        shared = [box for box in self.chain(source) if box in self.chain(reader) and self.view.boxes[box].repeat > 1]
        return any(one.get(box, 0) != other.get(box, 0) for box in shared)

    def names(self, name: str) -> set[str]:
        """Return the words that may name the value of an operation."""
        found = {self.graph.op(name).target, name}
        for box in map(self.view.boxes.__getitem__, self.chain(name)):
            found |= {box.title, box.subtitle, *box.id.removeprefix("/").split(".")}
        return found


def _stages(graph: ModelGraph, drawn: set[str]) -> dict[str, set[str]]:
    """Return the boxes without parts in each stage that is drawn: what a stage has is known from the figure alone."""
    found: dict[str, set[str]] = {}
    for closely in (False, True) if drawn else ():
        figure = in_stages(simplify(graph, view(graph), closely=closely), graph)
        stages = [box for box in figure.boxes.values() if box.kind == "stage" and _id(box.id) in drawn]
        found |= {_id(box.id): {*figure.leaves(box.id)} for box in stages}
    return found


def _members(graph: ModelGraph) -> dict[str, set[str]]:
    """Return the operations in each call of a module, and in each container without one, by its path."""
    found: dict[str, set[str]] = {call: set() for call in graph.calls if call}
    for name, op in graph.ops.nodes(data=True):
        call = op["call"] if op["kind"] not in _HELD else None
        while call:
            found[call].add(name)
            call = graph.calls[call].parent
    for path in _uncalled(graph):
        ops = graph.ops.nodes(data=True)
        inside = {name for name, op in ops if op["scope"].startswith(f"{path}.") and op["kind"] not in _HELD}
        found.setdefault(path, inside)
    return found


def _uncalled(graph: ModelGraph) -> list[str]:
    """Return the paths of the containers that no call is of; a figure may draw one whose layers are called in turn."""
    return [path for path in graph.components if path and not graph.component(path).calls]


__all__ = ["Picture", "torn"]
