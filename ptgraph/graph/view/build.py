"""ModelGraph → what a picture shows: boxes in boxes, what repeats folded to one ×N, shared values as stubs.

The view is the same for every picture; each then decides how deep it opens. The graph itself is not changed,
and keeps every operation and edge.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import networkx as nx

from ptgraph.graph.labels import op_title, shape_text
from ptgraph.graph.model import Component, ModelGraph, Op
from ptgraph.graph.view.box_ids import run_id
from ptgraph.graph.view.folding import feed, fold
from ptgraph.graph.view.model import Box, Link, View

SHARED_PLACES = 4  # a value read in this many modules or more is drawn as a stub at all but the first
GROUP_SIZE = 3  # so many index and mask operations, or more, are put in one box

_SAME = {"aten.to.dtype", "aten.to.dtype_layout", "aten.to.device", "aten._to_copy.default"}
_SAME |= {"onnx.Identity", "onnx.Cast", "onnx.Dropout"}
_SAME |= {"aten.contiguous.default", "aten.clone.default", "aten.dropout.default", "aten.dropout_.default"}


def view(graph: ModelGraph, *, patterns: bool = True) -> View:
    """Return the view of *graph*; without *patterns*, only equal blocks in a row are folded."""
    return _Drawing(graph, patterns).finish()


class _Drawing:
    """The picture while it is being made: operations leave it as they are folded away."""

    def __init__(self, graph: ModelGraph, patterns: bool) -> None:
        self.graph = graph
        self.calls = {run_id(call): call for call in graph.calls}
        self.flow: nx.DiGraph[str] = nx.DiGraph()  # what feeds what, of the operations that are drawn
        self.auxiliary = self._find_auxiliary()
        self.kept = self._keep()
        self.parts: dict[str, list[str]] = defaultdict(list)
        self.parent: dict[str, str] = {}
        self.groups: dict[str, str] = {}  # a box of operations on positions → the box that it is in
        self.flops, self.bytes = self._count("flops"), self._count("activation_bytes")
        self.again = self._count_runs()
        self.parameters = sorted((p for p in graph.parameters if p.kind == "parameter"), key=lambda p: p.name)
        self._nest()
        self._group()
        blocks = {run_id(call): block for call, block in graph.blocks.items()}
        self.folded = fold("/", self.parts, self.flow, blocks, patterns=patterns)

    def _keep(self) -> list[str]:
        """Choose the operations to draw, and join what those left out had joined."""
        ops = self.graph.ops
        useful = self._useful()
        stand_in: dict[str, list[str]] = {}
        kept = []
        for name, op in ops.nodes(data=True):
            if op["kind"] in ("parameter", "buffer", "constant") or name not in useful:
                continue
            values = [s for s in ops.predecessors(name) if ops.nodes[s]["kind"] not in ("parameter", "buffer")]
            reads = [source for source in values if not self._is_size(source, name)]
            is_same = op["target"] in _SAME and len(reads) == 1 and self._unchanged(reads[0], name)
            if op["shape"] is None or is_same:  # a number of Python's is no box: who reads it reads what it is made of
                asks = op["target"].startswith(_ASKS_SIZE)
                stand_in[name] = [] if asks else [made for source in reads for made in stand_in.get(source, ())]
                continue
            stand_in[name] = [name]
            kept.append(name)
            self.flow.add_node(name, target=op["target"])
            for source in reads:
                edge = ops.edges[source, name]
                for made in stand_in.get(source, ()):
                    feed(self.flow, made, name, shape_text(edge["shape"]), edge["slots"])
        return kept

    def _unchanged(self, source: str, name: str) -> bool:
        edge, op = self.graph.ops.edges[source, name], self.graph.ops.nodes[name]
        return bool(edge["shape"] == op["shape"] and edge["dtype"] == op["dtype"])

    def _nest(self) -> None:
        """Put every operation in the run of the module that it belongs to."""
        for name in self.kept:
            inner, call = name, self.graph.ops.nodes[name]["call"]
            while inner not in self.parent:
                outer = run_id(call)
                self.parent[inner] = outer
                self.parts[outer].append(inner)
                above = self.graph.calls[call].parent
                if above is None:
                    break
                inner, call = outer, above

    def _find_auxiliary(self) -> set[str]:
        """Return the operations that only handle positions and masks: they see no weight and no other input."""
        found: set[str] = set()
        ops = self.graph.ops
        for name, op in ops.nodes(data=True):
            free = op["kind"] == "constant" or op["target"] in _ASKS
            free |= op["kind"] == "input" and is_mask_input(self.graph.op(name))
            if free or (op["kind"] == "op" and all(s in found for s in ops.predecessors(name))):
                found.add(name)
        return found

    def _useful(self) -> set[str]:
        """Return all but the auxiliary operations that nothing else reads in the end."""
        found: set[str] = set()
        ops = self.graph.ops
        for name in reversed(list(ops)):
            needed = name not in self.auxiliary or ops.nodes[name]["kind"] == "input"
            readers = [target for target in ops.successors(name) if target in found]
            if needed or not all(self._is_size(name, target) for target in readers):
                found.add(name)
        return found

    def _is_size(self, source: str, name: str) -> bool:
        """Return whether an operation reads but sizes of *source*, as arguments that torch would not show."""
        slots = _SIZES.get(self.graph.ops.nodes[name]["target"], ())
        return source in self.auxiliary and all(slot in slots for slot in self.graph.ops.edges[source, name]["slots"])

    def _group(self) -> None:
        """Put the auxiliary operations of each module into one box, where they are several among others."""
        kinds = self.graph.ops.nodes
        for box in list(self.parts):
            members = [p for p in self.parts[box] if p in self.auxiliary and kinds[p]["kind"] == "op"]
            if len(members) >= GROUP_SIZE and len(members) < len(self.parts[box]):
                group = f"#{box}"
                self.groups[group] = box
                place = self.parts[box].index(members[0])
                self.parts[box] = [p for p in self.parts[box] if p not in members]
                self.parts[box].insert(place, group)
                self.parts[group] = members
                self.parent[group] = box
                self.parent.update(dict.fromkeys(members, group))

    def finish(self) -> View:
        boxes: dict[str, Box] = {}
        self._box("/", None, boxes)
        leaf = {box.op: box.id for box in boxes.values() if box.op is not None}
        order = {name: index for index, name in enumerate(self.flow)}
        edges = sorted(self.flow.edges(data=True), key=lambda edge: (order[edge[1]], edge[2]["slots"]))
        links = [
            Link(leaf[source], leaf[target], edge["label"], tuple(edge["slots"]))
            for source, target, edge in edges
            if leaf[source] != leaf[target]
        ]
        places: dict[str, set[str | None]] = defaultdict(set)
        for link in links:
            places[link.source].add(boxes[link.target].parent)
        shared = {source for source, parents in places.items() if len(parents) >= SHARED_PLACES}
        for name, carried in self.folded.carries.items():
            between = tuple(c._replace(source=leaf[c.source], target=leaf[c.target]) for c in carried)
            boxes[name] = replace(boxes[name], carries=between)
        stands = {name: (leaf[last], numbers) for name, (last, numbers) in self.folded.stands.items()}
        firsts = {link.source: link for link in reversed(links)}  # what reads a value first has a line to it
        drawn = tuple(replace(link, shared=link.source in shared and link is not firsts[link.source]) for link in links)
        return View(boxes, drawn, stands)

    def _box(self, name: str, parent: str | None, boxes: dict[str, Box]) -> None:
        if name in self.graph.ops:
            boxes[name] = self._op_box(name, parent)
            return
        parts = tuple(self.parts[name])
        only = parts[0] if len(parts) == 1 and parts[0] not in self.parts else None
        if name in self.groups:
            boxes[name] = self._group_box(name, parent, parts)
        elif name in self.calls:
            boxes[name] = self._module_box(name, parent, () if only and parent is not None else parts, only)
        else:
            boxes[name] = self._pattern_box(name, parent, parts)
        for part in boxes[name].parts:
            self._box(part, name, boxes)

    def _op_box(self, name: str, parent: str | None) -> Box:
        op = self.graph.op(name)
        kind: Any = op.kind
        title = op.target if kind != "op" else op_title(op.target)
        subtitle = f"{op.dtype} {shape_text(op.shape)}" if kind != "op" else ""
        category = {"input": "Input", "output": "Output"}.get(kind, "Operation")
        return Box(
            name,
            kind,
            title,
            subtitle,
            category,
            op.scope,
            parent,
            (),
            name,
            1,
            op.params,
            op.flops,
            op.activation_bytes,
        )

    def _group_box(self, name: str, parent: str | None, parts: tuple[str, ...]) -> Box:
        text = f"{len(parts)} operations"
        inside = self.graph.calls[self.calls[self.groups[name]]].component
        return Box(name, "group", "positions & masks", text, "Operation", inside, parent, parts)

    def _pattern_box(self, name: str, parent: str | None, parts: tuple[str, ...]) -> Box:
        run = [self.calls[box] for box in self.folded.runs[name]]
        paths = [self.graph.calls[call].component for call in run]
        repeat = self.folded.repeats[name]
        return Box(
            id=name,
            kind="pattern",
            title=self._title(run, paths),
            subtitle=self._members(paths[: len(paths) // repeat]),
            category="Container",
            component=self.graph.calls[self.graph.calls[run[0]].parent or ""].component,
            parent=parent,
            parts=parts,
            repeat=repeat,
            params=self._params(paths),
            flops=sum(self.flops[call] for call in run),
            bytes=sum(self.bytes[call] for call in run),
            runs=tuple(paths),
        )

    def _members(self, paths: list[str]) -> str:
        """Return what one period of a pattern is made of: ``5 × Local + Global``."""
        classes = Counter(self._class_name(path) for path in paths)
        return " + ".join(f"{count} × {name}" if count > 1 else name for name, count in classes.items() if name)

    def _class_name(self, path: str) -> str:
        return self.graph.classes[self.graph.component(path).type].short

    def _module_box(self, name: str, parent: str | None, parts: tuple[str, ...], only: str | None) -> Box:
        run = [self.calls[box] for box in self.folded.runs.get(name, [name])]
        paths = [self.graph.calls[call].component for call in run]
        component = self.graph.component(paths[0])
        return Box(
            id=name,
            kind="module",
            title=self._title(run, paths),
            subtitle=self._measures(component, only) if self.graph.is_pipeline else self._class_name(component.path),
            category=component.category,
            component=component.path,
            parent=parent,
            parts=parts,
            op=only if parent is not None else None,
            repeat=len(run),
            params=component.total_params if len(set(paths)) == 1 else self._params(paths),
            flops=sum(self.flops[call] for call in run),
            bytes=sum(self.bytes[call] for call in run),
            runs=tuple(paths) if len(run) > 1 else (),
        )

    def _measures(self, stage: Component, op: str | None) -> str:
        """Return how often a stage of a pipeline ran, and how long, if that is known."""
        measures = [f"{stage.calls} runs"] if stage.calls > 1 else []
        if op is not None and "milliseconds" in self.graph.op(op).attributes:
            time = self.graph.op(op).attributes["milliseconds"]
            measures.append(f"{time:,.1f} ms" if time >= 0.05 else "< 0.1 ms")
        return " · ".join(measures)

    def _count(self, what: str) -> dict[str, int]:
        """Return of every run of a module the sum over its operations."""
        sums = dict.fromkeys(self.graph.calls, 0)
        for _, op in self.graph.ops.nodes(data=True):
            call: str | None = op["call"] if op[what] else None
            while call is not None:
                sums[call] += op[what]
                call = self.graph.calls[call].parent
        return sums

    def _count_runs(self) -> dict[str, int]:
        """Return of every run how many there were of the same module before it."""
        count: dict[str, int] = defaultdict(int)
        again = {}
        for call, run in self.graph.calls.items():
            again[call] = count[run.component]
            count[run.component] += 1
        return again

    def _params(self, paths: list[str]) -> int:
        """Return how many parameter elements modules hold together, each tensor once."""
        found: dict[str, int] = {}
        for path in paths:
            start = bisect_left(self.parameters, path + ".", key=lambda p: p.name)
            for parameter in self.parameters[start:]:
                if not parameter.name.startswith(path + "."):
                    break
                found[parameter.tied_to or parameter.name] = parameter.count
        return sum(found.values())

    def _title(self, run: list[str], paths: list[str]) -> str:
        """Return the name within the module that runs it; of a run of blocks, their numbers or first and last."""
        if not paths[0]:
            return self.graph.name
        above = self.graph.calls[self.graph.calls[run[0]].parent or ""].component
        first, last = (path.removeprefix(above + ".") if above else path for path in (paths[0], paths[-1]))
        if first == last:
            again = self.again[run[0]]
            return f"{first} · run {again + 1}" if again and len(run) == 1 else first
        heads, _, numbers = zip(*(path.rpartition(".") for path in paths), strict=True)
        start = int(numbers[0]) if numbers[0].isdigit() else None
        if len(set(heads)) == 1 and start is not None and list(numbers) == [str(start + i) for i in range(len(run))]:
            return f"{first}–{numbers[-1]}"
        return f"{first} … {last}"


def is_mask_input(op: Op) -> bool:
    """Return whether an input is one of positions or masks: the model calls it so, and it holds no real numbers."""
    return op.dtype in _DISCRETE and _MASKS.search(op.target.lower()) is not None


_ASKS_SIZE = ("aten.sym_", "aten.size", "aten.stride", "aten.numel")
_ASKS = {"onnx.Shape", "onnx.Size"}  # of what they read, they see the sizes alone
_SIZES = {"onnx.ConstantOfShape": (0,), "onnx.Range": (0, 1, 2), "onnx.Slice": (1, 2, 3, 4), "onnx.Resize": (1, 2, 3)}
_SIZES |= dict.fromkeys(("onnx.Expand", "onnx.Pad", "onnx.Reshape", "onnx.Split", "onnx.Tile", "onnx.TopK"), (1,))
_MASKS = re.compile(r"mask|(?<![a-z])position")
_DISCRETE = {"int64", "int32", "int16", "int8", "uint8", "bool"}

__all__ = ["SHARED_PLACES", "is_mask_input", "view"]
