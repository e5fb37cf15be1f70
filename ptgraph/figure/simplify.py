"""View → what a figure draws: no operations that only reshape, ⊕ and ⊗, and stubs for what is read everywhere.

An author leaves out what no reader looks for. Only the figure does: the view, and all that is written, keep it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import networkx as nx

from ptgraph.graph.labels import op_title
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import is_mask_input
from ptgraph.graph.view.model import Box, BoxTree, View

Sign = Literal["plus", "times"]

_RESHAPES = {
    *("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "expand_as"),
    *(
        "transpose",
        "permute",
        "movedim",
        "t",
        "slice",
        "select",
        "narrow",
        "split",
        "split_with_sizes",
        "chunk",
        "getitem",
    ),
    *("contiguous", "clone", "alias", "detach", "to", "_to_copy", "type_as", "lift_fresh_copy"),
    *("Cast", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
}
_SIGNS: dict[str, Sign] = {"add": "plus", "add_": "plus", "mul": "times", "mul_": "times"}
_SIGNS |= {"Add": "plus", "Mul": "times"}  # as ONNX calls them
_OPERANDS = {*_SIGNS, "cat", "Concat"}
_TURNED = (("mul", "add", "cat"), ("mul", "add", "roll"), ("Mul", "Add", "Concat"))
_NAMED = {  # never one of several in a box
    *("softmax", "_softmax", "topk", "embedding", "multinomial", "argmax"),
    *("Softmax", "TopK", "ArgMax"),
}
_FILLED = {"zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"}


class Flow(NamedTuple):
    """A value that flows between two boxes without parts, and its shape."""

    source: str
    target: str
    label: str


class Stub(NamedTuple):
    """The name of a value that a box reads and no box gives: a parameter, a table of positions, or an input."""

    text: str
    is_input: bool = False


@dataclass(frozen=True)
class FigureGraph(BoxTree):
    """The boxes that may be drawn, and what flows between those without parts.

    ``stubs`` says of a box without parts what it reads that no box gives, ``signs`` which boxes are a ⊕ or a ⊗,
    ``start`` which are open however little is to be shown.
    """

    boxes: dict[str, Box]
    flows: tuple[Flow, ...]
    stubs: dict[str, tuple[Stub, ...]]
    signs: dict[str, Sign]
    root: str
    start: tuple[str, ...] = ()

    def leaves(self, box: str) -> Iterator[str]:
        """Yield the boxes without parts that *box* is or has inside."""
        if not self.boxes[box].parts:
            yield box
        for part in self.boxes[box].parts:
            yield from self.leaves(part)

    def at_depth(self, depth: int) -> set[str]:
        """Return the boxes that are open when *depth* levels are."""
        return {self.root} | self.to_level(depth, self.start)


def sketch(graph: ModelGraph, view: View) -> FigureGraph:
    """Return what a figure of *graph* draws."""
    return _Sketching(graph, view).finish()


class _Sketching:
    def __init__(self, graph: ModelGraph, view: View) -> None:
        self.graph = graph
        self.view = view
        self.boxes = dict(view.boxes)
        leaves = [box.id for box in view.boxes.values() if not box.parts and box.id != view.root]
        self.order = {leaf: place for place, leaf in enumerate(leaves)}
        self.flow: nx.DiGraph[str] = nx.DiGraph()
        self.flow.add_nodes_from(leaves)
        self.stubs: dict[str, dict[Stub, None]] = defaultdict(dict)
        self.held = {leaf: self._parameters(leaf) for leaf in leaves if self._plain(leaf)}
        for link in view.links:
            if link.source != link.target:
                self.flow.add_edge(link.source, link.target, label=link.label, slots=link.slots)

    def finish(self) -> FigureGraph:
        self._leave_out_unread()
        self._leave_out_reshapes()
        self._leave_out_positions()
        self._join_small_operations()
        self._weights_to_stubs()
        self._open_groups_that_come_back()
        self._nest()
        signs = {leaf: sign for leaf in self.flow if (sign := self._sign(leaf))}
        order = self.order
        edges: list[tuple[str, str, str]] = sorted(
            self.flow.edges(data="label"), key=lambda edge: (order[edge[1]], order[edge[0]])
        )
        stubs = {leaf: tuple(words) for leaf, words in self.stubs.items() if words and leaf in self.flow}
        return FigureGraph(self.boxes, tuple(Flow(*edge) for edge in edges), stubs, signs, self.view.root)

    def _plain(self, leaf: str) -> bool:
        return self.boxes[leaf].kind == "op"

    def _target(self, leaf: str) -> str:
        op = self.boxes[leaf].op
        return op_title(self.graph.op(op).target) if op is not None and op in self.graph.ops else ""

    def _parameters(self, leaf: str) -> list[str]:
        """Return the names, in their module, of the parameters that an operation reads itself."""
        nodes, name = self.graph.ops.nodes, self.boxes[leaf].op
        reads = self.graph.ops.predecessors(name) if name is not None and name in nodes else ()
        return [nodes[r]["target"].rpartition(".")[2] for r in reads if nodes[r]["kind"] == "parameter"]

    def _leave_out_positions(self) -> None:
        """Leave out what handles only positions and masks; who reads it says so by a stub."""
        found: set[str] = set()
        if self.graph.is_pipeline:
            return
        for leaf in self._topological():
            box = self.boxes[leaf]
            if (box.kind == "input" and is_mask_input(self.graph.op(leaf))) or (
                box.kind in ("op", "module") and not box.params and all(p in found for p in self.flow.pred[leaf])
            ):
                found.add(leaf)
        result = {p for leaf in found for p in nx.ancestors(self.flow, leaf) | {leaf} if self._is_result(leaf)}
        inputs = {leaf for leaf in found if self.boxes[leaf].kind == "input"}
        gone = found - result - inputs
        for leaf in sorted(gone, key=self.order.__getitem__):
            for target in self.flow.succ[leaf]:
                if target not in gone and not all(source in gone for source in self.flow.pred[target]):
                    self.stubs[target].update(dict.fromkeys(self._sources(leaf, target)))
        idle = [leaf for leaf in inputs if self.flow.succ[leaf] and all(t in gone for t in self.flow.succ[leaf])]
        self.flow.remove_nodes_from([*gone, *idle])

    def _is_result(self, leaf: str) -> bool:
        return any(self.boxes[target].kind == "output" for target in self.flow.succ[leaf])

    def _sources(self, leaf: str, target: str) -> list[Stub]:
        """Return the stubs at *target* of a value of positions or masks: the inputs that it is made of, or its name."""
        above = nx.ancestors(self.flow, leaf) | {leaf}
        inputs = sorted((one for one in above if self.boxes[one].kind == "input"), key=self.order.__getitem__)
        return [Stub(self.boxes[one].title, is_input=True) for one in inputs] or [Stub(self._source_name(leaf, target))]

    def _source_name(self, leaf: str, target: str) -> str:
        """Return what a value of positions or masks is called by *target*: the module that makes it, if one does."""
        around = set(self.view.chain(target))
        at: str | None = leaf
        while at is not None:
            outer = [box for box in self.view.chain(at) if box not in around][-1]
            if self.boxes[outer].kind == "module":
                return self.boxes[outer].title
            at = next(iter(self.flow.pred[at]), None) if self._target(at) in _RESHAPES else None
        name = self.boxes[leaf].op
        shape, dtype = (self.graph.op(name).shape, self.graph.op(name).dtype) if name is not None else ((), None)
        if self._target(leaf) in _FILLED:
            return self._target(leaf).removeprefix("new_").removesuffix("_like")
        return "mask" if dtype == "bool" or len(shape or ()) > 3 else "positions"

    def _leave_out_unread(self) -> None:
        """Leave out small operations that lead to nothing, if what they read leads elsewhere too."""
        unread: set[str] = set()
        for leaf in reversed(self._topological()):
            in_place = self._target(leaf).endswith("_")
            if self._small(leaf) and not in_place and unread.issuperset(self.flow.succ[leaf]):
                unread.add(leaf)
        sources = {source for leaf in unread for source in self.flow.pred[leaf]} - unread
        ends = [source for source in sources if unread.issuperset(self.flow.succ[source])]
        kept = {leaf for end in ends for leaf in nx.descendants(self.flow, end)}
        self.flow.remove_nodes_from(unread - kept)

    def _leave_out_reshapes(self) -> None:
        for leaf in self._topological():
            if not self._plain(leaf):
                continue
            reshapes = self._target(leaf) in _RESHAPES
            if self._is_weight(leaf, reshapes):  # whoever reads it has it
                for reader in self.flow.succ[leaf]:
                    held = self.boxes[reader].params + self.boxes[leaf].params
                    self.boxes[reader] = replace(self.boxes[reader], params=held)
                    self.held.get(reader, []).extend(self.held[leaf])
                self.flow.remove_node(leaf)
            elif reshapes and len(self.flow.pred[leaf]) == 1 and self.flow.succ[leaf] and not self._parts(leaf):
                above = self.boxes[leaf].parent
                siblings = [part for part in self.boxes[above or ""].parts if part != leaf and part in self.flow]
                inside = any(self.boxes[part].parts for part in self.boxes[above or ""].parts)
                if above == self.view.root or ((siblings or inside) and not self._passes(leaf, above)):
                    self._bypass(leaf)

    def _passes(self, leaf: str, above: str | None) -> bool:
        """Return whether a value comes into the box *above* and leaves it by *leaf*."""
        ends = [*self.flow.pred[leaf]], [*self.flow.succ[leaf]]
        return all(any(above not in self.view.chain(end) for end in one) for one in ends)

    def _parts(self, leaf: str) -> bool:
        """Return whether several of the parts that an operation makes go into one other, such as their sum."""
        return any(len(edge["slots"]) > 1 for edge in self.flow.succ[leaf].values())

    def _is_weight(self, leaf: str, reshapes: bool) -> bool:
        """Return whether an operation makes its result of parameters alone."""
        alone = not self.flow.pred[leaf] and bool(self.flow.succ[leaf]) and not self._is_result(leaf)
        return alone and (reshapes or (bool(self.held[leaf]) and not self.boxes[leaf].flops))

    def _bypass(self, leaf: str) -> None:
        """Leave out *leaf*, which reads one value: whoever read it reads that."""
        (source,) = self.flow.pred[leaf]
        for target in self.flow.succ[leaf]:
            if not self.flow.has_edge(source, target):
                self.flow.add_edge(source, target, **self.flow.edges[leaf, target])
        self.flow.remove_node(leaf)

    def _join_small_operations(self) -> None:
        """Let operations that nobody else reads, and that read one value, be one box: that of the last of them."""
        done: set[str] = set()
        for leaf in reversed(self._topological()):
            if leaf in done or not self._small(leaf):
                continue
            members = self._cone(leaf)
            sources = {s for member in members for s in self.flow.pred[member] if s not in members}
            if len(members) == 1 or len(sources) != 1:
                continue
            done |= members
            self._join(leaf, sorted(members, key=self.order.__getitem__), *sources)

    def _small(self, leaf: str) -> bool:
        box = self.boxes[leaf]
        small = self._plain(leaf) and not box.params and not box.flops and self._target(leaf) not in _NAMED
        return small and not self.graph.is_pipeline

    def _cone(self, leaf: str) -> set[str]:
        """Return *leaf* and the small operations before it in the same module that lead nowhere else."""
        members = {leaf}
        waiting = [leaf]
        while waiting:
            for source in self.flow.pred[waiting.pop()]:
                alike = self._small(source) and self.boxes[source].parent == self.boxes[leaf].parent
                if source not in members and alike and all(t in members for t in self.flow.succ[source]):
                    members.add(source)
                    waiting.append(source)
        return members

    def _join(self, last: str, members: list[str], source: str) -> None:
        edge = next(self.flow.edges[source, m] for m in members if self.flow.has_edge(source, m))
        names = list(dict.fromkeys(self._target(member).strip("_") for member in members))
        turned = any({*ways} <= {*names} for ways in _TURNED)
        for member in members:
            self.stubs[last].update(self.stubs.pop(member, {}) if member != last else {})
        if turned and self.stubs[last]:
            title, subtitle = "rotary embedding", ""
        else:
            title = ", ".join(names) if len(names) <= 3 else f"{names[0]} … {names[-1]}"
            subtitle = f"{len(members)} operations"
        self.boxes[last] = replace(self.boxes[last], title=title, subtitle=subtitle)
        self.flow.remove_nodes_from([member for member in members if member != last])
        self.flow.add_edge(source, last, **edge)

    def _weights_to_stubs(self) -> None:
        """Name the parameters that are added, multiplied or put beside a value as they are."""
        for leaf in self.flow:
            if self._plain(leaf) and self._target(leaf) in _OPERANDS and self.held[leaf]:
                self.stubs[leaf].update(dict.fromkeys(map(Stub, self.held[leaf])))
                self.boxes[leaf] = replace(self.boxes[leaf], params=0)

    def _open_groups_that_come_back(self) -> None:
        """Put operations beside each other, not in a group, where a value leaves the group and comes back."""
        for group in [box for box in self.boxes.values() if box.kind == "group"]:
            inside = {part for part in group.parts if part in self.flow}
            waiting = [target for part in inside for target in self.flow.succ[part] if target not in inside]
            beyond = set(waiting)
            while waiting:
                new = set(self.flow.succ[waiting.pop()]) - beyond
                beyond |= new
                waiting.extend(new)
            if not beyond & inside:
                continue
            above = self.boxes[group.parent or ""]
            place = above.parts.index(group.id)
            parts = above.parts[:place] + group.parts + above.parts[place + 1 :]
            self.boxes[above.id] = replace(above, parts=parts)
            self.boxes |= {part: replace(self.boxes[part], parent=above.id) for part in group.parts}
            del self.boxes[group.id]

    def _nest(self) -> None:
        """Keep the boxes that still have something inside; a module with one operation stands for it."""
        kept: dict[str, Box] = {}
        stands: dict[str, str] = {}

        def visit(name: str) -> bool:
            box = self.boxes[name]
            if not box.parts:
                kept[name] = box
                return name in self.flow or name == self.view.root
            kept[name] = box
            parts = tuple(part for part in box.parts if visit(part))
            only = parts[0] if len(parts) == 1 and not kept[parts[0]].parts and name != self.view.root else None
            if only is not None and kept[only].kind in ("op", "group"):
                stands[only] = name
                parts = ()
            kept[name] = replace(box, parts=parts)
            return bool(parts) or name in stands.values()

        visit(self.view.root)
        inside = set(self._reached(kept))
        for only, name in stands.items():
            if only in self.stubs:
                self.stubs[name] = self.stubs.pop(only)
            self.order[name] = self.order[only]
        self.flow = nx.relabel_nodes(self.flow, stands)
        self.boxes = {name: box for name, box in kept.items() if name in inside}

    def _reached(self, boxes: dict[str, Box]) -> Iterator[str]:
        waiting = [self.view.root]
        while waiting:
            yield waiting[-1]
            waiting.extend(boxes[waiting.pop()].parts)

    def _sign(self, leaf: str) -> Sign | None:
        """Return the sign of an operation that joins two values, or one and a parameter, element by element."""
        weights = list(dict.fromkeys(self.held.get(leaf, ())))
        plain = (
            self._plain(leaf)
            and not self.boxes[leaf].subtitle
            and [stub.text for stub in self.stubs.get(leaf, ())] == weights
        )
        return _SIGNS.get(self._target(leaf)) if plain and len(self.flow.pred[leaf]) + len(weights) == 2 else None

    def _topological(self) -> list[str]:
        return list(nx.lexicographical_topological_sort(self.flow, key=self.order.__getitem__))


__all__ = ["FigureGraph", "Flow", "Sign", "Stub", "sketch"]
