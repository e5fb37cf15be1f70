"""Stages: the modules of one resolution that are in one list, or the calls of one module in a row, as one box.

The levels of many U-Nets are no modules: ``downs`` is a list of lists, or a list of all blocks, and ``forward`` calls
what is in them. An author who has no room for every block draws a box for each level. The steps of a solver that are
not all alike, as one of them interpolates, are one box too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import networkx as nx

from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.figure.layout.areas import area_of
from ptgraph.graph.labels import counted_classes, op_title
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.module_paths import is_within, span, upwards
from ptgraph.graph.view.model import Box

_IMAGE = 4  # the rank of a batch of images
_FEWEST = 2  # modules of a stage
_MANY = 8  # operations that are one box


def in_stages(figure: FigureGraph, graph: ModelGraph) -> FigureGraph:
    """Return *figure* with a box around the modules of each stage, and around many operations."""
    boxes = dict(figure.boxes)
    for around in [box for box in figure.boxes.values() if box.kind == "module" and box.parts]:
        stages = _Inside(figure, graph, around).stages()
        if stages:
            stage_of = {part: stage.id for stage in stages for part in stage.parts}
            parts = dict.fromkeys(stage_of.get(part, part) for part in around.parts)
            boxes |= {around.id: replace(around, parts=tuple(parts))} | {stage.id: stage for stage in stages}
            for part, stage in stage_of.items():
                boxes[part] = replace(boxes.pop(part), parent=stage)
    return replace(figure, boxes=boxes)


@dataclass(frozen=True)
class _Inside:
    """The parts of the box *around*; some may be modules in lists that are not called."""

    figure: FigureGraph
    graph: ModelGraph
    around: Box

    def stages(self) -> list[Box]:
        """Return the boxes of the stages; none is such that a value would flow out of it and back into it."""
        outermost: dict[str, list[str]] = defaultdict(list)
        for part in self.around.parts:
            if lists := self._lists(part):
                outermost[lists[0]].append(part)
        flow, found = self.flow, []
        if not nx.is_directed_acyclic_graph(flow):
            return []

        def keep(box: Box) -> None:
            nonlocal flow
            if (joined := _joined(flow, box)) is not None:
                flow = joined
                found.append(box)

        levels = [level for path, parts in outermost.items() for level in self._levels(path, parts)]
        for path, modules in [*levels, *self._calls()]:
            keep(self._box(path, modules, self._with_small_parts(modules, flow)))
        is_model = self.around.id in (self.figure.root, *self.figure.start)
        for groups in (self._resolutions, self._operations) if is_model and not found else (self._operations,):
            for members in [*groups(flow)]:
                modules = [part for part in members if self._modules(part)]
                box = self._box("", modules, members) if modules else self._box_of_operations(members)
                keep(replace(box, id=f"{members[0]}–{members[-1]}"))  # modules that are called again have one name
        return found

    @cached_property
    def flow(self) -> nx.DiGraph[str]:
        """What flows between the parts; a part has the ``size`` of the largest value that it reads."""
        part_of = {leaf: part for part in self.around.parts for leaf in self.figure.leaves(part)}
        found: nx.DiGraph[str] = nx.DiGraph()
        found.add_nodes_from(self.around.parts, size=())
        for flow in self.figure.flows:
            source, target = part_of.get(flow.source), part_of.get(flow.target)
            if target is not None and source != target:
                found.nodes[target]["size"] = max(found.nodes[target]["size"], _size(flow.label))
                if source is not None:
                    found.add_edge(source, target)
        return found

    def _modules(self, part: str) -> tuple[str, ...]:
        """Return the paths of the modules that a part stands for."""
        box = self.figure.boxes[part]
        return box.paths or ((box.component,) if box.kind == "module" else ())

    def _lists(self, part: str) -> list[str]:
        """Return the paths of the modules that a part is in and that are not called, the outermost first."""
        paths = self._modules(part)
        above = [path for path in upwards(paths[0].rpartition(".")[0]) if path] if paths else []
        found = [path for path in above if len(path) > len(self.around.component) and self._holds(path, paths)]
        return found[::-1]

    def _holds(self, path: str, paths: Sequence[str]) -> bool:
        is_list = path in self.graph.components and not self.graph.component(path).calls
        return is_list and all(is_within(each, path) for each in paths)

    def _levels(self, path: str, parts: list[str]) -> Iterator[tuple[str, list[str]]]:
        """Yield the modules of each stage among *parts*, and the path of the list that has just these, or ""."""
        if len({self.flow.nodes[part]["size"] for part in parts}) == 1:
            if len(parts) >= _FEWEST:
                yield path, parts
            return
        for inner, group in groupby(parts, key=lambda part: self._inner(path, part)):
            if inner:
                yield from self._levels(inner, [*group])
                continue
            for _, level in groupby(group, key=lambda part: self.flow.nodes[part]["size"]):
                if len(members := [*level]) >= _FEWEST:
                    yield "", members

    def _calls(self) -> Iterator[tuple[str, list[str]]]:
        """Yield calls of one module, and its path, if no other module is called between them."""
        parts = [self.figure.boxes[part] for part in self.around.parts if self.figure.boxes[part].kind != "op"]
        for _, group in groupby(parts, key=lambda box: box.component if box.kind == "module" else box.id):
            calls = [box for box in group if box.kind == "module" and box.repeat == 1 and not self._lists(box.id)]
            if len(calls) >= _FEWEST:
                yield calls[0].component, [box.id for box in calls]

    def _inner(self, path: str, part: str) -> str:
        """Return the path of the list within that at *path* that a part is in, or "" if there is none."""
        return next((each for each in self._lists(part) if len(each) > len(path)), "")

    def _with_small_parts(self, modules: list[str], flow: nx.DiGraph[str]) -> list[str]:
        """Return *modules* with parts without parameters that are between them, lead to them, or join their values."""
        above, below = (set().union(*(find(flow, one) for one in modules)) for find in (nx.ancestors, nx.descendants))
        small = [part for part in self.around.parts if part in flow and self._is_small(part)]
        members = {*modules, *(above & below).intersection(small)}
        while found := {part for part in small if self._is_of(members, part, flow)} - members:
            members |= found
        return [part for part in self.around.parts if part in members]

    def _is_small(self, part: str) -> bool:
        box = self.figure.boxes[part]
        return box.kind == "op" or (box.kind == "module" and not box.params)

    def _is_of(self, members: set[str], part: str, flow: nx.DiGraph[str]) -> bool:
        read, reading = flow.pred[part], flow.succ[part]
        return bool(reading and members.issuperset(reading)) or (len(read) > 1 and members.issuperset(read))

    def _resolutions(self, flow: nx.DiGraph[str]) -> Iterator[list[str]]:
        """Yield the parts in a row that read values of one size, as of a file without names there are no lists."""
        inner = [part for part in self.around.parts if self.figure.boxes[part].kind not in ("input", "output")]
        left = [part for part in inner if part in flow]
        runs = [[*run] for _, run in groupby(left, key=lambda part: flow.nodes[part]["size"])]
        if len(runs) > 1:
            yield from (run for run in runs if len(run) >= _FEWEST)

    def _operations(self, flow: nx.DiGraph[str]) -> Iterator[list[str]]:
        """Yield operations that lead to each other, many of them, with neither a module nor a product between them."""
        modules_before: dict[str, int] = {}
        for part in nx.topological_sort(flow):
            before = [modules_before[one] + (one not in self.operations) for one in flow.pred[part]]
            modules_before[part] = max(before, default=0)
        left = self.operations & {*flow}
        alike = [(a, b) for a, b in flow.subgraph(left).edges if modules_before[a] == modules_before[b]]
        for found in nx.connected_components(nx.Graph(alike)):
            if len(found) >= _MANY:
                yield [part for part in self.around.parts if part in found]

    @cached_property
    def operations(self) -> set[str]:
        """The parts that are operations without parameters and products."""
        boxes = (self.figure.boxes[part] for part in self.around.parts)
        return {box.id for box in boxes if box.kind == "op" and not box.params and not box.flops}

    def _box(self, path: str, modules: list[str], members: list[str]) -> Box:
        """Return the box of a stage, with the category of its largest module."""
        boxes = [self.figure.boxes[part] for part in modules]
        paths = [each for part in modules for each in self._modules(part)]
        name = path or (span(paths) if len(paths) > 1 else f"{paths[0]} …")
        calls = f"–{modules[-1].rpartition('@')[2]}" if path in paths else ""
        above = self.around.component
        classes = Counter([self.graph.component(each).type for each in paths])
        own = {name: count for name, count in classes.items() if not name.startswith("torch.nn.")}
        counts = {self.graph.classes[name].short: count for name, count in (own or classes).items()}
        return Box(
            f"{modules[0]}{calls}" if calls else f"/{name}",
            "stage",
            name.removeprefix(f"{above}.") if above else name,
            counted_classes(counts) if all(counts) else f"{len(paths)} modules",
            max(boxes, key=lambda box: box.params).category,
            path or above,
            self.around.id,
            tuple(members),
            params=sum({box.component: box.params for box in boxes}.values()),
            flops=sum(self.figure.boxes[part].flops for part in members),
            bytes=sum(self.figure.boxes[part].bytes for part in members),
            paths=() if path else tuple(paths),
        )

    def _name(self, box: Box) -> str:
        """Return the name of the operator of a box, or else its title."""
        op = box.op
        return op_title(self.graph.op(op).target).strip("_") if op is not None and op in self.graph.ops else box.title

    def _box_of_operations(self, members: list[str]) -> Box:
        boxes = [self.figure.boxes[part] for part in members]
        first, last = (self._name(box) for box in (boxes[0], boxes[-1]))
        return Box(
            "",
            "stage",
            f"{first} … {last}",
            f"{sum(map(_operation_count, boxes))} operations",
            "Operation",
            self.around.component,
            self.around.id,
            tuple(members),
            params=sum(box.params for box in boxes),
            flops=sum(box.flops for box in boxes),
            bytes=sum(box.bytes for box in boxes),
        )


def _joined(flow: nx.DiGraph[str], box: Box) -> nx.DiGraph[str] | None:
    """Return *flow* with the parts of *box* as one, or None if a value would flow out of it and back into it."""
    joined = nx.relabel_nodes(flow, dict.fromkeys(box.parts, box.id))
    joined.remove_edges_from([*nx.selfloop_edges(joined)])
    return joined if nx.is_directed_acyclic_graph(joined) else None


def _operation_count(box: Box) -> int:
    """Return how many operations a box of operations stands for."""
    count, _, rest = box.subtitle.partition(" ")
    return int(count) if rest == "operations" else 1


def _size(shape: str) -> tuple[int, ...]:
    """Return a key that orders shapes: images before sequences, by the number of positions; nothing for a vector."""
    area = area_of(shape)
    return (min(area.rank, _IMAGE), area.inner) if area is not None else ()


__all__ = ["in_stages"]
