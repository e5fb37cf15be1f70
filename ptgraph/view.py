"""ModelGraph → what a picture shows: boxes in boxes, equal blocks folded to one ×N, shared values as stubs.

The view is the same for every picture; each then decides how deep it opens. The graph itself is not changed,
and keeps every operation and edge.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any, Literal

import networkx as nx

from .folding import Carry, feed, fold
from .graph import Component, ModelGraph

SHARED_PLACES = 4  # a value read in this many modules or more is drawn as a stub at each
GROUP_SIZE = 3  # so many index and mask operations, or more, are put in one box
BOX_LIMIT = 60  # what a picture of automatic depth may show

_SAME = {"aten.to.dtype", "aten.to.dtype_layout", "aten.to.device", "aten._to_copy.default"}
_SAME |= {"aten.contiguous.default", "aten.clone.default", "aten.dropout.default", "aten.dropout_.default"}


@dataclass(frozen=True, slots=True)
class Box:
    """A box of the picture. ``id`` is an operation's name; for a run of a module, ``/`` and its key.

    ``parts`` are the boxes inside, in order of execution; a module with one operation has none, and stands
    for it (``op``). ``repeat`` counts the equal blocks that the box stands for, ``runs`` are the paths of their
    modules, and ``carries`` is what each of them feeds the next. ``bytes`` are those of activations.
    """

    id: str
    kind: Literal["input", "output", "op", "module", "group"]
    title: str
    subtitle: str
    category: str
    component: str
    parent: str | None
    parts: tuple[str, ...] = ()
    op: str | None = None
    repeat: int = 1
    params: int = 0
    flops: int = 0
    bytes: int = 0
    runs: tuple[str, ...] = ()
    carries: tuple[Carry, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A value that flows between two boxes without parts, with its shape; ``shared`` ones are drawn as stubs."""

    source: str
    target: str
    label: str
    slots: tuple[int, ...] = (0,)
    shared: bool = False


@dataclass(frozen=True)
class View:
    """The boxes by id, the outermost first, and the links between those without parts.

    ``stands`` maps an operation that was folded away to the box that stands for it, and its number in each fold.
    """

    boxes: dict[str, Box]
    links: tuple[Link, ...]
    stands: dict[str, tuple[str, dict[str, int]]]
    root: str = "/"

    def chain(self, box: str) -> list[str]:
        """Return *box* and the boxes around it, innermost first."""
        found: list[str] = []
        at: str | None = box
        while at is not None:
            found.append(at)
            at = self.boxes[at].parent
        return found

    def label(self, box: str) -> str:
        """Return what a box is called where it is out of sight: an operation by its module, too."""
        shown = self.boxes[box]
        above = self.boxes[shown.parent] if shown.parent is not None else shown
        if shown.kind != "op" or above.parent is None:
            return shown.title
        alike = [part for part in above.parts if self.boxes[part].title == shown.title]
        return f"{above.title}.{shown.title if len(alike) == 1 else shown.id}"

    def meet(self, link: Link) -> tuple[str, str, str]:
        """Return the innermost box that both ends of *link* are in, and the parts of it that they are in."""
        above, below = self.chain(link.source), self.chain(link.target)
        around = set(above)
        scope = next(box for box in below if box in around)
        return scope, above[above.index(scope) - 1], below[below.index(scope) - 1]

    def opened(self, depth: int | None = None, limit: int = BOX_LIMIT) -> set[str]:
        """Return the boxes that are open in a picture *depth* levels deep.

        Without a depth: as many levels as keep the picture at *limit* boxes, but at least one, and no groups.
        """
        if depth is not None:
            return self._to_level(depth)
        groups = {box.id for box in self.boxes.values() if box.kind == "group"}
        opened = self._to_level(1)
        for level in range(2, 1 + max(len(self.chain(box)) for box in self.boxes)):
            deeper = self._to_level(level) - groups
            if len(self.visible(deeper)) > limit:
                break
            opened = deeper
        return opened

    def _to_level(self, depth: int) -> set[str]:
        opened, level = set(), [self.root]
        for _ in range(max(depth, 1)):
            level = [box for box in level if self.boxes[box].parts]
            opened.update(level)
            level = [part for box in level for part in self.boxes[box].parts]
        return opened

    def visible(self, opened: set[str]) -> list[str]:
        """Return the closed boxes that show when *opened* are open, in order."""
        found: list[str] = []

        def visit(box: str) -> None:
            for part in self.boxes[box].parts:
                if part in opened:
                    visit(part)
                else:
                    found.append(part)

        visit(self.root)
        return found

    def shown(self, opened: set[str]) -> dict[str, str]:
        """Map every box without parts to the visible box that it is, or is inside of."""
        at = {}
        for box in self.visible(opened):
            stack = [box]
            while stack:
                inner = stack.pop()
                at[inner] = box
                stack.extend(self.boxes[inner].parts)
        return at


def view(graph: ModelGraph) -> View:
    """Return the view of *graph*."""
    return _Drawing(graph).finish()


class _Drawing:
    """The picture while it is being made: operations leave it as they are folded away."""

    def __init__(self, graph: ModelGraph) -> None:
        self.graph = graph
        self.calls = {_run_id(call): call for call in graph.calls}
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
        blocks = {_run_id(call): block for call, block in graph.blocks.items()}
        self.folded = fold("/", self.parts, self.flow, blocks)

    def _keep(self) -> list[str]:
        """Choose the operations to draw, and join what those left out had joined."""
        ops = self.graph.ops
        useful = self._useful()
        stand_in: dict[str, str] = {}
        kept = []
        for name, op in ops.nodes(data=True):
            if op["kind"] in ("parameter", "buffer", "constant") or op["shape"] is None or name not in useful:
                continue
            reads = [s for s in ops.predecessors(name) if ops.nodes[s]["kind"] not in ("parameter", "buffer")]
            if op["target"] in _SAME and len(reads) == 1 and self._unchanged(reads[0], name):
                if reads[0] in stand_in:
                    stand_in[name] = stand_in[reads[0]]
                continue
            stand_in[name] = name
            kept.append(name)
            self.flow.add_node(name, target=op["target"])
            for source in reads:
                if source in stand_in:
                    edge = ops.edges[source, name]
                    feed(self.flow, stand_in[source], name, shape_text(edge["shape"]), edge["slots"])
        return kept

    def _unchanged(self, source: str, name: str) -> bool:
        edge, op = self.graph.ops.edges[source, name], self.graph.ops.nodes[name]
        return bool(edge["shape"] == op["shape"] and edge["dtype"] == op["dtype"])

    def _nest(self) -> None:
        """Put every operation in the run of the module that it belongs to."""
        for name in self.kept:
            inner, call = name, self.graph.ops.nodes[name]["call"]
            while inner not in self.parent:
                outer = _run_id(call)
                self.parent[inner] = outer
                self.parts[outer].append(inner)
                above = self.graph.calls[call].parent
                if above is None:
                    break
                inner, call = outer, above

    def _find_auxiliary(self) -> set[str]:
        """Return the operations that only handle positions and masks: they see no weight and no float input."""
        found: set[str] = set()
        ops = self.graph.ops
        for name, op in ops.nodes(data=True):
            free = op["kind"] == "constant" or (op["kind"] == "input" and op["dtype"] in _DISCRETE)
            if free or (op["kind"] == "op" and all(s in found for s in ops.predecessors(name))):
                found.add(name)
        return found

    def _useful(self) -> set[str]:
        """Return all but the auxiliary operations that nothing else reads in the end."""
        found: set[str] = set()
        ops = self.graph.ops
        for name in reversed(list(ops)):
            needed = name not in self.auxiliary or ops.nodes[name]["kind"] == "input"
            if needed or any(target in found for target in ops.successors(name)):
                found.add(name)
        return found

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
        return View(boxes, tuple(replace(link, shared=link.source in shared) for link in links), stands)

    def _box(self, name: str, parent: str | None, boxes: dict[str, Box]) -> None:
        if name in self.graph.ops:
            boxes[name] = self._op_box(name, parent)
            return
        parts = tuple(self.parts[name])
        only = parts[0] if len(parts) == 1 and parts[0] not in self.parts else None
        boxes[name] = self._module_box(name, parent, () if only and parent is not None else parts, only)
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

    def _module_box(self, name: str, parent: str | None, parts: tuple[str, ...], only: str | None) -> Box:
        if name in self.groups:
            text = f"{len(parts)} operations"
            inside = self.graph.calls[self.calls[self.groups[name]]].component
            return Box(name, "group", "positions & masks", text, "Operation", inside, parent, parts)
        run = [self.calls[box] for box in self.folded.runs.get(name, [name])]
        paths = [self.graph.calls[call].component for call in run]
        component = self.graph.component(paths[0])
        class_name = self.graph.classes[component.type].name.rpartition(".")[2]
        return Box(
            id=name,
            kind="module",
            title=self._title(run, paths),
            subtitle=self._measures(component, only) if self.graph.is_pipeline else class_name,
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


def _run_id(call: str) -> str:
    """Return the id of the box of a run; the arrow is kept for stubs, which are named by two boxes."""
    return "/" + call.replace("%", "%25").replace("→", "%2192")


_DISCRETE = {"int64", "int32", "int16", "int8", "uint8", "bool"}


def op_title(target: str) -> str:
    """Return the short name of an operator: ``aten.add.Tensor`` → ``add``."""
    parts = target.split(".")
    overloaded = len(parts) > 2 and (parts[0] in ("aten", "prims") or parts[-1] == "default")
    return parts[-2] if overloaded else parts[-1]


def shape_text(shape: Any) -> str:
    """Return ``batch×16×512``; a scalar's is ``scalar``, and no shape is the empty string."""
    if shape is None:
        return ""
    return "×".join(map(str, shape)) or "scalar"


def count_text(count: float) -> str:
    """Return a count in three digits: ``85.3M``."""
    for unit in ("", "K", "M", "G", "T", "P"):
        if count < 999.5:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g}E"


__all__ = ["Box", "Link", "View", "count_text", "op_title", "shape_text", "view"]
