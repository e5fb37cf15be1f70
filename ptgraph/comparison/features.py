"""What a box of a picture is, as far as comparing goes: its facts, what it reads, and three ways of being equal."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from ptgraph.comparison.facts import Facts
from ptgraph.graph.labels import shape_text
from ptgraph.graph.model import ModelGraph, Parameter
from ptgraph.graph.module_paths import moved
from ptgraph.graph.view.build import view
from ptgraph.graph.view.model import Box

Shift = tuple[tuple[str, str], ...]  # paths of the first block of a fold → those of the one that is meant

_PLACE = re.compile(r"(^|_)(idx|index|layer_id|layer_number|block_id)$")


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a box to be matched: one block of a fold is an item of its own (``number``).

    ``exact`` is equal for boxes that are the same, ``form`` for those that differ in sizes and settings only,
    ``work`` for those that compute the same, whatever their classes are called; ``inside`` are the forms of the parts.
    """

    box: str
    number: int
    kind: str
    label: str
    name: str
    exact: int
    form: int
    work: int
    inside: tuple[int, ...]


class Numbering:
    """Equal keys have equal numbers; both sides of a comparison share one."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = defaultdict(count().__next__)

    def __call__(self, *key: Any) -> int:
        return self._numbers[key]


class Side:
    """One of two graphs that are compared: its view, and what is known of each box in it."""

    def __init__(self, graph: ModelGraph, numbering: Numbering, settings: bool = True) -> None:
        self.graph = graph
        self._settings = settings  # whether they count: a program that was saved has none
        self.view = view(graph, patterns=False)  # modules are matched one by one
        self.boxes = self.view.boxes
        self.reads: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._own: dict[str, list[Parameter]] = defaultdict(list)
        self._yields: dict[str, dict[str, None]] = defaultdict(dict)
        self._facts: dict[tuple[str, Shift], Facts] = {}
        self._equal: dict[str, tuple[int, int, int]] = {}
        for parameter in graph.parameters:
            self._own[parameter.name.rpartition(".")[0]].append(parameter)
        self._wire()
        self._number("/", numbering)

    def _wire(self) -> None:
        for link in self.view.links:
            for slot in link.slots:
                self.reads[link.target][slot].append(link.source)
            around = set(self.view.chain(link.target))
            for box in self.view.chain(link.source):
                if box not in around:
                    self._yields[box][link.source] = None
        for fold in self.boxes.values():
            for carry in fold.carries:
                for slot in carry.slots:
                    self.reads[carry.target][slot].append(carry.source)

    def parts(self, box: str) -> Iterator[Box]:
        """Yield the parts of *box*; those of a group of operations stand in its place."""
        for part in self.boxes[box].parts:
            if self.boxes[part].kind == "group":
                yield from self.parts(part)
            else:
                yield self.boxes[part]

    def items(self, box: str, shift: Shift = ()) -> list[Item]:
        """Return the parts of *box* to be matched, each block of a fold by itself."""
        found = []
        for part in self.parts(box):
            inside = tuple(self._equal[inner.id][1] for inner in self.parts(part.id))
            for number in range(part.repeat):
                facts = self.facts(part.id, (*shift, *self.shift(part.id, number)))
                found.append(Item(part.id, number, facts.kind, facts.label, facts.name, *self._equal[part.id], inside))
        return found

    def shift(self, box: str, number: int) -> Shift:
        """Return what leads from the paths inside the first block of a fold to those in block *number*."""
        runs = self.boxes[box].paths
        return ((runs[0], runs[number]),) if number and runs else ()

    def title(self, box: str) -> str:
        """Return the path of a box as the picture names it, with the numbers of folded blocks: ``layers.0–11.norm``."""
        if self.boxes[box].parent is None:
            return self.graph.name
        chain = [self.boxes[at] for at in reversed(self.view.chain(box))][1:]
        path = ".".join(at.title for at in chain if at.kind == "module")
        own = self.boxes[box]
        return path if own.kind == "module" else f"{path}: {own.title}" if path else own.title

    def titles(self, boxes: list[str]) -> str | None:
        """Return the titles of boxes, or None if there is none."""
        return ", ".join(map(self.title, boxes)) or None

    def facts(self, name: str, shift: Shift = ()) -> Facts:
        """Return what the box says of itself; inside a fold, of the block that *shift* leads to."""
        if (name, shift) not in self._facts:
            self._facts[name, shift] = self._say(name, shift)
        return self._facts[name, shift]

    def _say(self, name: str, shift: Shift) -> Facts:
        box = self.boxes[name]
        op = self.graph.op(box.op) if box.op is not None else None
        attributes = self._attributes(box, shift) if op is not None and op.kind == "op" else {}
        results = [self.graph.op(self.boxes[leaf].op or "") for leaf in self._yields.get(name, ())]
        results = [op] if op is not None else results
        shape = ", ".join(shape_text(result.shape) for result in results)
        dtype = ", ".join(dict.fromkeys(result.dtype or "" for result in results))
        if box.kind != "module":
            label = op.target if op is not None and op.kind == "op" else box.kind
            named = op.target if op is not None and op.kind != "op" else ""
            work = label if box.kind == "op" else ""
            return Facts(box.kind, label, named, work, {}, {}, attributes, shape, dtype)
        path = _shifted(box.component, shift)
        component = self.graph.component(path)
        above = _shifted(self.boxes[box.parent].component, shift) if box.parent is not None else ""
        settings = {**({} if path else self.graph.config), **component.settings} if self._settings else {}
        return Facts(
            box.kind,
            self.graph.classes[component.type].name,
            path.removeprefix(above + ".") if above else path,
            op.target if op is not None else "",
            {key: value for key, value in settings.items() if not _is_place(key, value, path)},
            {p.name.rpartition(".")[2]: _weight(p, shift) for p in self._own.get(path, ())},
            {key: value for key, value in attributes.items() if key not in settings},
            shape,
            dtype,
        )

    def _attributes(self, box: Box, shift: Shift) -> dict[str, Any]:
        """Return an operation's arguments: those that are no tensors (but for where it runs), constants and weights."""
        assert box.op is not None
        ops = self.graph.ops
        found = {name: value for name, value in ops.nodes[box.op]["attributes"].items() if name != "device"}
        own = {p.tied_to or p.name: p.name for p in self._own.get(_shifted(box.component, shift), ())}
        for source, edge in ops.pred[box.op].items():
            origin = ops.nodes[source]
            if origin["kind"] == "constant":
                known = origin["attributes"] or {"value": f"{origin['dtype']} {shape_text(origin['shape'])}"}
                found |= {f"argument {slot}": next(iter(known.values())) for slot in edge["slots"]}
            elif origin["kind"] in ("parameter", "buffer"):
                name = _shifted(origin["target"], shift)
                says = own[name].rpartition(".")[2] if name in own else f"{name} {shape_text(origin['shape'])}"
                found |= {f"argument {slot}": says for slot in edge["slots"]}
            found |= {
                f"result that argument {s} is": o for s, o in zip(edge["slots"], edge["outputs"], strict=False) if o
            }
        return found

    def _number(self, name: str, numbering: Numbering) -> list[str]:
        """Find the three numbers of a box and of all in it; return the boxes without parts inside."""
        parts = list(self.parts(name))
        leaves = [leaf for part in parts for leaf in self._number(part.id, numbering)] or [name]
        wiring = self._wiring(leaves)
        facts = self.facts(name)
        own = (facts.kind, facts.label, facts.operation)
        said = (facts.settings, facts.weights, facts.attributes, facts.shape, facts.dtype)
        inner = [self._equal[part.id] for part in parts]
        work = tuple(self._equal[leaf][2] for leaf in leaves) if parts else facts.operation or facts.kind
        self._equal[name] = (
            numbering(
                "exact", own, _plain(said), tuple((i[0], p.repeat) for i, p in zip(inner, parts, strict=True)), wiring
            ),
            numbering("form", own, tuple(i[1] for i in inner), wiring),
            numbering("work", work, wiring),
        )
        return leaves

    def _wiring(self, leaves: list[str]) -> tuple[Any, ...]:
        """Return what each of *leaves* reads: one of them by its place, all else by the order of its first use."""
        place = {leaf: index for index, leaf in enumerate(leaves)}
        outside: dict[str, int] = {}
        return tuple(
            tuple(
                (slot, place[source] if source in place else -1 - outside.setdefault(source, len(outside)))
                for slot, sources in sorted(self.reads[leaf].items() if leaf in self.reads else ())
                for source in sources
            )
            for leaf in leaves
        )


def _shifted(path: str, shift: Shift) -> str:
    for before, after in shift:
        path = moved(path, before, after)
    return path


def _is_place(name: str, value: Any, path: str) -> bool:
    """Return whether a setting only says the number of the layer that it is of, which its path says too."""
    return type(value) is int and _PLACE.search(name) is not None and str(value) in path.split(".")


def _weight(parameter: Parameter, shift: Shift) -> str:
    words = [shape_text(parameter.shape), parameter.dtype]
    if parameter.kind == "buffer":
        words.append("buffer")
    elif not parameter.trainable:
        words.append("frozen")
    if parameter.tied_to is not None:
        words.append(f"tied to {_shifted(parameter.tied_to, shift)}")
    return " ".join(words)


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


__all__ = ["Item", "Numbering", "Shift", "Side"]
