"""Features of the boxes of one graph, for comparing: facts, what each box reads, and three keys of equality.

Five places of the project ask whether two blocks are the same. Each asks about other things, at another stage:

- `ptgraph.tracing.repeated_blocks.fingerprint` compares modules before they are traced: classes and their code,
  attributes, shapes and dtypes of parameters and inputs, but no values of parameters. Equal blocks are traced once. Any
  difference that a forward can see counts, so blocks may differ here although their operations are equal.
- `ptgraph.graph.block_ids` compares calls of modules in one graph, by what was traced: the class, and the operations
  one by one, with attributes, shapes, dtypes and wiring. Settings and code do not count. This is the ``block`` of the
  JSON, and what views fold by.
- `ptgraph.graph.view.folding` also asks where equal blocks stand: in a row, each feeding only the next, all else that
  they read being the same. Only then can the first stand for all of them in a picture.
- `ptgraph.onnx.writing.function_outlining` compares ONNX nodes, after translation and simplification. Calls of one
  function must have the same body, so constants count by their bytes, and parameters by their names in the module.
- This module compares boxes of two graphs. Its ``exact`` is stricter than a block id, since settings count, and looser,
  since classes count by their names, without their packages. ``form`` leaves out sizes and settings, so that a wider
  layer is *changed*, not removed and added. ``work`` leaves out classes, so that a module of another class is found.
"""

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

BlockShift = tuple[tuple[str, str], ...]  # paths of the first block of a fold → those of the one that is meant

_LAYER_NUMBER = re.compile(r"(^|_)(idx|index|layer_id|layer_number|block_id)$")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a box, to be matched. Each block of a fold is a part of its own, with its ``number`` in the fold.

    ``exact`` is equal for boxes that are the same, ``form`` for those that differ in sizes and settings only, ``work``
    for those with the same operations and wiring, whatever their classes. ``inside`` has the ``form`` of each part.
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
    """Numbers for keys: equal keys have equal numbers. Both graphs of a comparison share one numbering."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = defaultdict(count().__next__)

    def __call__(self, *key: Any) -> int:
        return self._numbers[key]


class GraphSide:
    """One of two graphs that are compared: its view, and the features of each box in it.

    ``reads`` has, by box and slot, the boxes that it reads from. *settings* says whether settings of modules count:
    they do not where one of the graphs has none, as of a saved program.
    """

    def __init__(self, graph: ModelGraph, numbering: Numbering, settings: bool = True) -> None:
        self.graph = graph
        self._settings = settings
        self.view = view(graph, patterns=False)  # modules are matched one by one
        self.boxes = self.view.boxes
        self.reads: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._own: dict[str, list[Parameter]] = defaultdict(list)
        self._yields: dict[str, dict[str, None]] = defaultdict(dict)
        self._facts: dict[tuple[str, BlockShift], Facts] = {}
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
        """Yield the parts of *box*, with the parts of a group of operations in place of the group."""
        for part in self.boxes[box].parts:
            if self.boxes[part].kind == "group":
                yield from self.parts(part)
            else:
                yield self.boxes[part]

    def parts_to_match(self, box: str, shift: BlockShift = ()) -> list[Part]:
        """Return the parts of *box* to be matched, each block of a fold by itself."""
        found = []
        for part in self.parts(box):
            inside = tuple(self._equal[inner.id][1] for inner in self.parts(part.id))
            for number in range(part.repeat):
                facts = self.facts(part.id, (*shift, *self.shift(part.id, number)))
                found.append(Part(part.id, number, facts.kind, facts.label, facts.name, *self._equal[part.id], inside))
        return found

    def shift(self, box: str, number: int) -> BlockShift:
        """Return the move of module paths from the first block of a fold to block *number*; empty for the first."""
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

    def facts(self, name: str, shift: BlockShift = ()) -> Facts:
        """Return the facts of a box; inside a fold, those of the block that *shift* leads to."""
        if (name, shift) not in self._facts:
            self._facts[name, shift] = self._read_facts(name, shift)
        return self._facts[name, shift]

    def _read_facts(self, name: str, shift: BlockShift) -> Facts:
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
            {key: value for key, value in settings.items() if not _is_layer_number(key, value, path)},
            {p.name.rpartition(".")[2]: _weight(p, shift) for p in self._own.get(path, ())},
            {key: value for key, value in attributes.items() if key not in settings},
            shape,
            dtype,
        )

    def _attributes(self, box: Box, shift: BlockShift) -> dict[str, Any]:
        """Return an operation's arguments by name: plain values (but the device), constants and weights, as text."""
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
        """Number the three keys of a box and of all in it; return the boxes without parts that are inside."""
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
        """Return the sources of *leaves* by slot: a leaf by its position, all else by the order of its first use."""
        position = {leaf: index for index, leaf in enumerate(leaves)}
        outside: dict[str, int] = {}
        return tuple(
            tuple(
                (slot, position[source] if source in position else -1 - outside.setdefault(source, len(outside)))
                for slot, sources in sorted(self.reads[leaf].items() if leaf in self.reads else ())
                for source in sources
            )
            for leaf in leaves
        )


def _shifted(path: str, shift: BlockShift) -> str:
    for before, after in shift:
        path = moved(path, before, after)
    return path


def _is_layer_number(name: str, value: Any, path: str) -> bool:
    """Return whether a setting is the number of the layer, which is in the module's path too."""
    return type(value) is int and _LAYER_NUMBER.search(name) is not None and str(value) in path.split(".")


def _weight(parameter: Parameter, shift: BlockShift) -> str:
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


__all__ = ["BlockShift", "GraphSide", "Numbering", "Part"]
