"""Focus: the inside of one module as a figure of its own, with boxes for the values that enter and leave it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from ptgraph.common.suggest import similar
from ptgraph.errors import UsageError
from ptgraph.figure.box_text import box_name
from ptgraph.figure.figure_graph import FigureGraph, Flow
from ptgraph.graph.dimensions import dimensions_text
from ptgraph.graph.labels import op_title
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.module_paths import moved, upwards
from ptgraph.graph.view.model import Box

Kind = Literal["input", "output"]


class _Found(NamedTuple):
    """The box of a module, the path of the equal module that is drawn, and the path of the last of the equal ones."""

    box: str
    drawn: str
    last: str


def focused(figure: FigureGraph, graph: ModelGraph, path: str) -> FigureGraph:
    """Return the graph of a figure of the module at *path* alone; of equal blocks, that of the block that is drawn.

    Raises UsageError if *graph* has no module at *path*, with paths that are alike, or if *figure* does not show it.
    """
    if path not in graph.components:
        near = similar(path, graph.components, count=3, cutoff=0.4)
        hint = f"; there are: {', '.join(near)}" if near else ""
        raise UsageError(f"focus is {path!r}, but {graph.name} has no such module{hint}")
    found = _find(figure, path)
    if found is None:
        raise UsageError(f"focus is {path!r}, which a figure of {graph.name} does not show; choose what is around it")
    names: dict[Kind, dict[str, str]] = {
        "input": _names(graph, path, "input", found.drawn),
        "output": _names(graph, path, "output", found.last),
    }
    return _Focus(figure, graph, path, found.box, names).alone()


def _find(figure: FigureGraph, path: str) -> _Found | None:
    """Return the box of the module at *path*, or None if there is none."""
    at, wanted = figure.root, path
    turns: list[tuple[str, str]] = []  # the first of equal blocks, and the last, outermost first
    while at == figure.root or figure.boxes[at].component != wanted:
        for part in figure.boxes[at].parts:
            box = figure.boxes[part]
            paths = box.paths or ((box.component,) if box.kind == "module" else ())
            number = next((number for number, path in enumerate(paths) if _within(wanted, path)), None)
            if number is not None:
                period = len(paths) // box.repeat
                first = paths[number % period]  # of a pattern, the block of its first period
                wanted = moved(wanted, paths[number], first)
                turns.append((first, paths[number % period - period]))
                at = part
                break
        else:
            return None
    last = wanted
    for first, end in reversed(turns):
        last = moved(last, first, end)
    return _Found(at, wanted, last)


def _within(path: str, above: str) -> bool:
    return path == above or path.startswith(above + ".")


@dataclass(frozen=True)
class _Focus:
    """The module at *path*, whose box in *figure* is *name*.

    *names* are the names of what is around the module, by what is around the equal one that is drawn.
    """

    figure: FigureGraph
    graph: ModelGraph
    path: str
    name: str
    names: dict[Kind, dict[str, str]]

    def alone(self) -> FigureGraph:
        """Return the figure with the module as a frame, or a box, and boxes for the values that enter and leave it."""
        figure, root = self.figure, "/"
        inside = [self.name]
        for box in inside:
            inside += figure.boxes[box].parts
        within = set(inside)
        flows: list[Flow] = []
        ends: dict[Kind, dict[str, Box]] = {"input": {}, "output": {}}
        for flow in figure.flows:
            if flow.source in within and flow.target in within:
                flows.append(flow)
            elif flow.target in within:
                end = self._end("input", flow.source, self._value_text(flow.source, flow.label))
                ends["input"][end.id] = end
                flows.append(Flow(end.id, flow.target, flow.label))
            elif flow.source in within:
                shape = self._yields(flow.source) or flow.label
                end = self._end("output", flow.target, self._value_text(flow.source, shape))
                ends["output"][end.id] = end
                flows.append(Flow(flow.source, end.id, flow.label))
        params = self.graph.component(self.path).total_params
        own = replace(figure.boxes[self.name], parent=root, title=self.path, params=params, repeat=1, paths=())
        boxes = {box: figure.boxes[box] for box in inside} | {self.name: own} | ends["input"] | ends["output"]
        parts = (*ends["input"], self.name, *ends["output"])
        boxes[root] = replace(own, id=root, parent=None, parts=parts, op=None)
        stubs = {leaf: stubs for leaf, stubs in figure.stubs.items() if leaf in within}
        return FigureGraph(boxes, tuple(flows), stubs, figure.signs, root, (self.name,) if own.parts else ())

    def _end(self, kind: Kind, leaf: str, text: str) -> Box:
        """Return the box for the other end of a value, outside; its title is that of the outermost box of it alone."""
        around = set(self.figure.chain(self.name))
        outer = self.figure.boxes[[box for box in self.figure.chain(leaf) if box not in around][-1]]
        name = outer.component if outer.kind == "module" else outer.op or ""
        title = self.names[kind].get(name, self.names[kind].get("", box_name(outer)))
        return Box(f"{kind}:{title}", kind, title, text, kind.title(), "", "/")

    def _value_text(self, leaf: str, shape: str) -> str:
        """Return the type and shape of the value of a box without parts."""
        source = self.figure.boxes[leaf]
        maker = self.graph.component(source.component) if source.op is None else self.graph.op(source.op)
        return f"{maker.dtype or 'value'} {shape}" if shape else ""

    def _yields(self, leaf: str) -> str:
        name = self.figure.boxes[leaf].op
        return dimensions_text(self.graph.op(name).shape) if name is not None and name in self.graph.ops else ""


def _names(graph: ModelGraph, path: str, kind: Kind, instead: str) -> dict[str, str]:
    """Return the names of what is around the block at *path*, by what is around the equal one *instead*."""
    if instead == path:
        return {}
    found: dict[str, str] = {}
    for theirs, ours in zip(_beside(graph, instead, kind), _beside(graph, path, kind), strict=False):
        for number, name in enumerate(theirs if ours else ()):
            found.setdefault(name, _title(graph, ours[min(number, len(ours) - 1)]))
    if len({*found.values()}) == 1:  # whatever the figure has there, such as what reads a value it has reshaped
        found[""] = next(iter(found.values()))
    return found


def _beside(graph: ModelGraph, path: str, kind: Kind) -> Iterator[list[str]]:
    """Yield for each operation of the module at *path* what it reads, or what reads it, outside of that."""
    nodes = graph.ops.nodes
    near = graph.ops.predecessors if kind == "input" else graph.ops.successors
    inside = [name for name, op in nodes(data=True) if op["kind"] == "op" and _within(op["scope"], path)]
    within = {*inside, *graph.of_kind("parameter", "buffer", "constant")}
    for name in inside:
        yield list(dict.fromkeys(_outer(graph, other, path) for other in near(name) if other not in within))


def _outer(graph: ModelGraph, name: str, path: str) -> str:
    """Return the path of the outermost module that an operation is in and *path* is not, or its own name."""
    scope = graph.ops.nodes[name]["scope"]
    return next((above for above in _above(graph, scope) if not _within(path, above)), name)


def _above(graph: ModelGraph, path: str) -> list[str]:
    """Return the paths of the modules that are called around *path* and of itself, but for the root's."""
    components = graph.components.nodes
    paths = [above for above in upwards(path) if above]
    return [above for above in reversed(paths) if above in components and components[above]["calls"]]


def _title(graph: ModelGraph, name: str) -> str:
    """Return the name of a module, by its path, or of an operation within the module that calls it."""
    if name in graph.components:
        above = _above(graph, name)[-2:-1]
        title = name.removeprefix(above[0] + ".") if above else name
        return graph.component(name).type.rpartition(".")[2] if title.isdigit() else title
    op = graph.op(name)
    return op_title(op.target) if op.kind == "op" else op.target


__all__ = ["focused"]
