"""The inside of one module as a figure of its own, with what comes in and what goes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Literal

from ptgraph.errors import UsageError
from ptgraph.figure.box_text import box_name
from ptgraph.figure.simplify import FigureGraph, Flow
from ptgraph.graph.labels import op_title, shape_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import Box

Kind = Literal["input", "output"]


def focused(sketch: FigureGraph, graph: ModelGraph, path: str) -> FigureGraph:
    """Return the sketch of the module at *path* alone; one within equal blocks is that of the block that is drawn.

    Raises UsageError, which names paths that are alike, if there is none or the forward pass does not run it.
    """
    if path not in graph.components:
        near = get_close_matches(path, list(graph.components), n=3, cutoff=0.4)
        hint = f"; there are: {', '.join(near)}" if near else ""
        raise UsageError(f"focus is {path!r}, but {graph.name} has no such module{hint}")
    found = _find(sketch, path)
    if found is None:
        raise UsageError(f"focus is {path!r}, which a figure of {graph.name} does not show; choose what is around it")
    box, drawn, last = found
    return _Focus(sketch, graph, path, box, {"input": drawn, "output": last}).alone()


def _find(sketch: FigureGraph, path: str) -> tuple[str, str, str] | None:
    """Return the box of the module at *path*, the path of the equal one that is drawn, and that of the last of them."""
    at, wanted = sketch.root, path
    turns: list[tuple[str, str]] = []  # the first of equal blocks, and the last, outermost first
    while at == sketch.root or sketch.boxes[at].component != wanted:
        for part in sketch.boxes[at].parts:
            box = sketch.boxes[part]
            runs = box.runs or ((box.component,) if box.kind == "module" else ())
            number = next((number for number, run in enumerate(runs) if _within(wanted, run)), None)
            if number is not None:
                period = len(runs) // box.repeat
                first = runs[number % period]  # of a pattern, the block of its first period
                wanted = first + wanted.removeprefix(runs[number])
                turns.append((first, runs[number % period - period]))
                at = part
                break
        else:
            return None
    last = wanted
    for first, end in reversed(turns):
        last = end + last.removeprefix(first)
    return at, wanted, last


def _within(path: str, run: str) -> bool:
    return path == run or path.startswith(run + ".")


class _Focus:
    """The module at *path*, of which the box *name* is drawn: what comes in is that of the first of equal blocks,
    what goes out that of the last; *drawn* has their paths."""

    def __init__(self, sketch: FigureGraph, graph: ModelGraph, path: str, name: str, drawn: dict[Kind, str]) -> None:
        self.sketch = sketch
        self.graph = graph
        self.path = path
        self.name = name
        self.around = set(sketch.chain(name))
        self.names = {kind: self._names(kind, instead) for kind, instead in drawn.items()}

    def alone(self) -> FigureGraph:
        """Return the sketch with the module as a frame, or a box, and boxes for what flows in and out."""
        sketch, root = self.sketch, "/"
        inside = [self.name]
        for box in inside:
            inside += sketch.boxes[box].parts
        within = set(inside)
        flows: list[Flow] = []
        ends: dict[Kind, dict[str, Box]] = {"input": {}, "output": {}}
        for flow in sketch.flows:
            if flow.source in within and flow.target in within:
                flows.append(flow)
            elif flow.target in within:
                end = self._end("input", flow.source, self._words(flow.source, flow.label))
                ends["input"][end.id] = end
                flows.append(Flow(end.id, flow.target, flow.label))
            elif flow.source in within:
                shape = self._yields(flow.source) or flow.label
                end = self._end("output", flow.target, self._words(flow.source, shape))
                ends["output"][end.id] = end
                flows.append(Flow(flow.source, end.id, flow.label))
        params = self.graph.component(self.path).total_params
        own = replace(sketch.boxes[self.name], parent=root, title=self.path, params=params, repeat=1, runs=())
        boxes = {box: sketch.boxes[box] for box in inside} | {self.name: own} | ends["input"] | ends["output"]
        parts = (*ends["input"], self.name, *ends["output"])
        boxes[root] = replace(own, id=root, parent=None, parts=parts, op=None)
        stubs = {leaf: stubs for leaf, stubs in sketch.stubs.items() if leaf in within}
        return FigureGraph(boxes, tuple(flows), stubs, sketch.signs, root, (self.name,) * bool(own.parts))

    def _end(self, kind: Kind, leaf: str, words: str) -> Box:
        """Return the box for what is outside, at the other end of a value: called by the outermost box of it alone."""
        outer = self.sketch.boxes[[box for box in self.sketch.chain(leaf) if box not in self.around][-1]]
        name = outer.component if outer.kind == "module" else outer.op or ""
        title = self.names[kind].get(name, self.names[kind].get("", box_name(outer)))
        return Box(f"{kind}:{title}", kind, title, words, kind.title(), "", "/")

    def _words(self, leaf: str, shape: str) -> str:
        """Return the type and shape of the value of a box without parts."""
        source = self.sketch.boxes[leaf]
        maker = self.graph.component(source.component) if source.op is None else self.graph.op(source.op)
        return f"{maker.dtype or 'value'} {shape}" if shape else ""

    def _yields(self, leaf: str) -> str:
        name = self.sketch.boxes[leaf].op
        return shape_text(self.graph.op(name).shape) if name is not None and name in self.graph.ops else ""

    def _names(self, kind: Kind, instead: str) -> dict[str, str]:
        """Return what is around the block at the path, by what is around the equal one *instead*."""
        if instead == self.path:
            return {}
        found: dict[str, str] = {}
        for theirs, ours in zip(self._beside(instead, kind), self._beside(self.path, kind), strict=False):
            for number, name in enumerate(theirs if ours else ()):
                found.setdefault(name, self._title(ours[min(number, len(ours) - 1)]))
        if len({*found.values()}) == 1:  # whatever the figure has there, such as what reads a value it has reshaped
            found[""] = next(iter(found.values()))
        return found

    def _beside(self, path: str, kind: Kind) -> Iterator[list[str]]:
        """Yield for each operation of the module at *path* what it reads, or what reads it, outside of that."""
        nodes = self.graph.ops.nodes
        near = self.graph.ops.predecessors if kind == "input" else self.graph.ops.successors
        inside = [name for name, op in nodes(data=True) if op["kind"] == "op" and _within(op["scope"], path)]
        within = {*inside, *self.graph.of_kind("parameter", "buffer", "constant")}
        for name in inside:
            yield list(dict.fromkeys(self._outer(other, path) for other in near(name) if other not in within))

    def _outer(self, name: str, path: str) -> str:
        """Return the path of the outermost module that an operation is in and *path* is not, or its own name."""
        scope = self.graph.ops.nodes[name]["scope"]
        return next((above for above in self._above(scope) if not _within(path, above)), name)

    def _above(self, path: str) -> list[str]:
        """Return the paths of the modules that run around *path* and of itself, but for the root's."""
        names = path.split(".")
        paths = [".".join(names[: k + 1]) for k in range(len(names))]
        components = self.graph.components.nodes
        return [above for above in paths if above in components and components[above]["calls"]]

    def _title(self, name: str) -> str:
        """Return what a module, by its path, or an operation is called within the module that runs it."""
        if name in self.graph.components:
            above = self._above(name)[-2:-1]
            title = name.removeprefix(above[0] + ".") if above else name
            return self.graph.component(name).type.rpartition(".")[2] if title.isdigit() else title
        op = self.graph.op(name)
        return op_title(op.target) if op.kind == "op" else op.target


__all__ = ["focused"]
