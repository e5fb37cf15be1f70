"""The boxes of a view: their titles, numbers and parts, once blocks are folded."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, takewhile
from math import prod
from typing import Any

from ptgraph.graph.dimensions import dimensions_text
from ptgraph.graph.labels import call_text, counted_classes, op_title
from ptgraph.graph.model import Component, ModelGraph, Parameter
from ptgraph.graph.module_paths import is_within, span
from ptgraph.graph.traversal import chains
from ptgraph.graph.view.box_ids import call_id
from ptgraph.graph.view.folding import Folded
from ptgraph.graph.view.member_labels import member_labels, sibling_labels
from ptgraph.graph.view.model import Box
from ptgraph.graph.view.nesting import Nesting
from ptgraph.graph.view.sums import SIGN


def boxes(graph: ModelGraph, nesting: Nesting, folded: Folded) -> dict[str, Box]:
    """Return the boxes of *graph* by id, each before its parts."""
    making = _Making(graph, nesting, folded)
    found: dict[str, Box] = {}
    waiting: list[tuple[str, str | None]] = [("/", None)]
    while waiting:
        name, parent = waiting.pop()
        found[name] = making.box(name, parent)
        waiting += [(part, name) for part in reversed(found[name].parts)]
    return found


@dataclass(frozen=True)
class _Making:
    """A graph, and how its operations are nested and folded."""

    graph: ModelGraph
    nesting: Nesting
    folded: Folded

    @cached_property
    def calls(self) -> dict[str, str]:
        """The call of each box of a module."""
        return {call_id(call): call for call in self.graph.calls}

    @cached_property
    def flops(self) -> dict[str, int]:
        """The FLOPs of each call."""
        return self._sums("flops")

    @cached_property
    def bytes(self) -> dict[str, int]:
        """The bytes of activations of each call."""
        return self._sums("activation_bytes")

    def _sums(self, attribute: str) -> dict[str, int]:
        """Return the sum over the operations in each call."""
        found = dict.fromkeys(self.graph.calls, 0)
        above = chains(self.graph.calls)
        for _, op in self.graph.ops.nodes(data=True):
            if op[attribute]:
                for call in above[op["call"]]:
                    found[call] += op[attribute]
        return found

    @cached_property
    def earlier_calls(self) -> dict[str, int]:
        """How many calls of the same module there were before each call, within one call of the module around it."""
        count: Counter[tuple[str, str | None]] = Counter()
        found = {}
        for name, call in self.graph.calls.items():
            above = self.graph.calls[call.parent].component if call.parent is not None else ""
            where = call.component, call.parent if is_within(call.component, above) else None
            found[name] = count[where]
            count[where] += 1
        return found

    @cached_property
    def parameters(self) -> list[Parameter]:
        """The parameters by name."""
        return sorted((p for p in self.graph.parameters if p.kind == "parameter"), key=lambda p: p.name)

    def box(self, name: str, parent: str | None) -> Box:
        if name in self.graph.ops:
            return self._op_box(name, parent)
        parts = tuple(self.nesting.parts[name])
        if name in self.nesting.groups:
            return self._group_box(name, parent, parts)
        if name not in self.calls:
            return self._pattern_box(name, parent, parts)
        only = parts[0] if len(parts) == 1 and parts[0] not in self.nesting.parts else None
        return self._module_box(name, parent, parts, only)

    @cached_property
    def told_apart(self) -> dict[str, str]:
        """What tells modules apart that have one class: members of a pattern, and others in a row by numbers."""
        found: dict[str, str] = {}
        for parts in self.nesting.parts.values():
            for looks, row in groupby(parts, self._looks):
                paths = {part: self._paths(part) for part in row} if looks is not None else {}
                if len(paths) > 1:
                    found |= sibling_labels(self.graph, paths)
        for name, blocks in self.folded.blocks.items():
            if name in self.calls:
                continue
            period = len(blocks) // self.folded.repeats[name]
            members = {}
            for part in self.nesting.parts[name]:
                if part in self.calls:
                    inside = [blocks.index(block) for block in self.folded.blocks.get(part, [part])]
                    alike = [
                        blocks[at] for start in range(0, len(blocks), period) for at in (start + k for k in inside)
                    ]
                    members[part] = [self._path(block) for block in alike]
            found |= member_labels(self.graph, members)
        return found

    def _looks(self, part: str) -> tuple[Any, ...] | None:
        """Return what a picture says of a part that is a module with a number for its name."""
        if part not in self.calls:
            return None
        path = self._path(part)
        if not path.rpartition(".")[2].isdecimal():
            return None
        component = self.graph.component(path)
        return component.type, component.total_params, component.shape

    def _paths(self, part: str) -> list[str]:
        """Return the paths of the modules that the box of a call stands for."""
        return [self._path(block) for block in self.folded.blocks.get(part, [part])]

    def _path(self, part: str) -> str:
        """Return the path of the module of the box of a call."""
        return self.graph.calls[self.calls[part]].component

    def _op_box(self, name: str, parent: str | None) -> Box:
        op = self.graph.op(name)
        is_op = op.kind == "op"
        kind: Any = op.kind
        return Box(
            id=name,
            kind=kind,
            title=SIGN if name in self.folded.sums else op_title(op.target) if is_op else op.target,
            subtitle="" if is_op else f"{op.dtype} {dimensions_text(op.shape)}",
            category={"input": "Input", "output": "Output"}.get(op.kind, "Operation"),
            component=op.scope,
            parent=parent,
            op=name,
            params=op.params,
            flops=op.flops,
            bytes=op.activation_bytes,
        )

    def _group_box(self, name: str, parent: str | None, parts: tuple[str, ...]) -> Box:
        text = f"{len(parts)} operations"
        component = self.graph.calls[self.calls[self.nesting.groups[name]]].component
        return Box(name, "group", "positions & masks", text, "Operation", component, parent, parts)

    def _pattern_box(self, name: str, parent: str | None, parts: tuple[str, ...]) -> Box:
        """Return the box of a pattern: without a module in it, it is a block of so many operations."""
        members = self.folded.blocks[name]
        calls = [self.calls[box] for box in members if box in self.calls]
        ops = [self.graph.op(box) for box in members if box not in self.calls]
        paths = [self.graph.calls[call].component for call in calls]
        repeat = self.folded.repeats[name]
        period = len(members) // repeat
        return Box(
            id=name,
            kind="pattern",
            title=self._title(calls, paths, len(paths) // repeat) if paths else "block",
            subtitle=self._classes(paths[: len(paths) // repeat]) if paths else f"{period} operations",
            category="Container",
            component=self.graph.calls[self.graph.calls[calls[0]].parent or ""].component if calls else ops[0].scope,
            parent=parent,
            parts=parts,
            repeat=repeat,
            params=self._params(paths, [box for box in members if box not in self.calls]),
            flops=sum(self.flops[call] for call in calls) + sum(op.flops for op in ops),
            bytes=sum(self.bytes[call] for call in calls) + sum(op.activation_bytes for op in ops),
            paths=tuple(paths),
        )

    def _module_box(self, name: str, parent: str | None, parts: tuple[str, ...], only: str | None) -> Box:
        """Return the box of a module; one that has an operation as its *only* part stands for it, but for the root."""
        calls = [self.calls[box] for box in self.folded.blocks.get(name, [name])]
        paths = [self.graph.calls[call].component for call in calls]
        component = self.graph.component(paths[0])
        stands_for_op = only is not None and parent is not None
        says = self._class_name(component.path) if self.graph.kind.classes else self._measures(component, only)
        return Box(
            id=name,
            kind="module",
            title=self._title(calls, paths),
            subtitle=" · ".join(text for text in (says, self.told_apart.get(name)) if text),
            category=component.category,
            component=component.path,
            parent=parent,
            parts=() if stands_for_op else parts,
            op=only if stands_for_op else None,
            repeat=len(calls),
            params=component.total_params if len(set(paths)) == 1 else self._params(paths),
            flops=sum(self.flops[call] for call in calls),
            bytes=sum(self.bytes[call] for call in calls),
            paths=tuple(paths) if len(calls) > 1 else (),
        )

    def _classes(self, paths: list[str]) -> str:
        """Return the classes of the modules in one period of a pattern: ``5 × Local + Global``."""
        classes = Counter(self._class_name(path) for path in paths)
        return counted_classes(classes)

    def _class_name(self, path: str) -> str:
        return self.graph.classes[self.graph.component(path).type].short

    def _measures(self, stage: Component, op: str | None) -> str:
        """Return how often a stage of a recorded pipeline ran, and how long, if that is known."""
        measures = [f"{stage.calls} runs"] if stage.calls > 1 else []
        if op is not None and "milliseconds" in self.graph.op(op).attributes:
            time = self.graph.op(op).attributes["milliseconds"]
            measures.append(f"{time:,.1f} ms" if time >= 0.05 else "< 0.1 ms")
        return " · ".join(measures)

    def _params(self, paths: list[str], ops: Iterable[str] = ()) -> int:
        """Return how many parameter elements modules hold and *ops* read together, each tensor once."""
        found: dict[str, int] = {}
        for path in paths:
            start = bisect_left(self.parameters, path + ".", key=lambda p: p.name)
            for parameter in self.parameters[start:]:
                if not parameter.name.startswith(path + "."):
                    break
                found[parameter.tied_to or parameter.name] = parameter.count
        for op in ops:
            for source in self.graph.ops.predecessors(op):
                origin = self.graph.op(source)
                if origin.kind == "parameter":
                    found.setdefault(origin.target, prod(size for size in origin.shape or () if isinstance(size, int)))
        return sum(found.values())

    def _title(self, calls: list[str], paths: list[str], period: int = 1) -> str:
        """Return the name of a module within its caller; of several blocks, their numbers, or first and last.

        *period* of them repeat together. If those are in a module that is not called itself, it lends them its name.
        A later call of a module with parameters says which it is, as it shares them with the first.
        """
        if not paths[0]:
            return self.graph.name
        above = self.graph.calls[self.graph.calls[calls[0]].parent or ""].component
        own = [path.removeprefix(above + ".") if above else path for path in paths]
        if own[0] != own[-1]:
            return span(_around_each(own, period))
        earlier = self.earlier_calls[calls[0]]
        shares = self.graph.components.nodes[paths[0]]["total_params"] > 0
        return call_text(own[0], earlier + 1) if earlier and shares and len(calls) == 1 else own[0]


def _around_each(paths: list[str], period: int) -> list[str]:
    """Return what is around each *period* of modules, if that tells them apart, or else all *paths*."""
    periods = [paths[start : start + period] for start in range(0, len(paths), period)]
    around = [_around(inside) for inside in periods]
    return around if len({*around}) == len(around) else paths


def _around(paths: list[str]) -> str:
    """Return the path of the innermost module that all *paths* are in: of a single one, itself."""
    steps = zip(*(path.split(".") for path in paths), strict=False)
    return ".".join(names[0] for names in takewhile(lambda names: len({*names}) == 1, steps))


__all__ = ["boxes"]
