"""Two ModelGraphs → what was added, removed and changed. Parts are matched by structure first, by name second."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from ptgraph.comparison.facts import QUANTIZED, Line, Value, differences
from ptgraph.comparison.features import GraphSide, Numbering
from ptgraph.comparison.pairing import Pair, Pairing, Unmatched, pair_boxes
from ptgraph.comparison.result import Change, GraphDiff, Renamed, SideName, Status
from ptgraph.graph.model import ModelGraph

_REACH = 64  # matched boxes that are looked for behind boxes that only one graph has
_RANK: tuple[Status, ...] = ("same", "inside", "changed")


def compare(a: ModelGraph, b: ModelGraph) -> GraphDiff:
    """Return what is different in *b*, as seen from *a*."""
    numbering = Numbering()
    settings = all(any(node["settings"] for _, node in graph.components.nodes(data=True)) for graph in (a, b))
    one, other = GraphSide(a, numbering, settings), GraphSide(b, numbering, settings)
    pairing = pair_boxes(one, other)
    judging = _Judging(one, other, pairing)
    judging.judge(pairing.root)
    judging.judge_groups()
    status = {
        "a": {box: _combined(judging.seen["a"][box]) for box in one.boxes},
        "b": {box: _combined(judging.seen["b"][box]) for box in other.boxes},
    }
    counted = Counter(change.status for change in judging.changes)
    quantized = sum(any(word == QUANTIZED for word, _, _ in change.what) for change in judging.changes)
    before, after = a.component(""), b.component("")
    summary = {
        "same": sum(found == "same" for found in status["b"].values()),
        **{word: counted[word] for word in ("changed", "added", "removed")},
        "renamed": len(judging.renamed),
        **({"quantized": quantized} if quantized else {}),
        "params": [before.total_params, after.total_params],
        "flops": [before.flops, after.flops],
        "bytes": [before.activation_bytes, after.activation_bytes],
    }
    changes, renamed = tuple(judging.changes), tuple(judging.renamed)
    return GraphDiff(judging.pairs, status, changes, renamed, summary, (one.view, other.view))


class _Judging:
    """What differs between matched boxes: the status of each box, and the list of changes, filled by `judge`."""

    def __init__(self, a: GraphSide, b: GraphSide, pairing: Pairing) -> None:
        self.a, self.b = a, b
        self.sides: dict[SideName, GraphSide] = {"a": a, "b": b}
        self.pairs = dict(pairing.pairs)
        self.partners = pairing.partners
        self.seen: dict[SideName, dict[str, set[Status]]] = {"a": defaultdict(set), "b": defaultdict(set)}
        self.changes: list[Change] = []
        self.renamed: list[Renamed] = []
        self._reached: dict[tuple[SideName, str], frozenset[str]] = {}

    def judge(self, pair: Pair) -> bool:
        """Note the status of *pair* and of all in it; return whether anything is different."""
        index = len(self.changes)
        different = [
            self.judge(part) if isinstance(part, Pair) else self._judge_unmatched(part) for part in pair.inside
        ]
        what = self._differences(pair)
        if any(word == QUANTIZED for word, _, _ in what):  # what it is computed by then needs no list
            self.changes[index:] = [change for change in self.changes[index:] if change.status == "changed"]
        status: Status = "changed" if what else "inside" if any(different) else "same"
        self.seen["a"][pair.a].add(status)
        self.seen["b"][pair.b].add(status)
        if what:
            self.changes.insert(index, Change("changed", pair.a, pair.b, self._title(pair), tuple(what)))
        elif pair.renamed:
            self.renamed.append(Renamed(pair.a, pair.b, self.a.title(pair.a), self.b.title(pair.b)))
        return status != "same"

    def judge_groups(self) -> None:
        """Note the status of groups of operations, by their content: they are pairs if the boxes around them are."""
        for name, side in self.sides.items():
            for box in side.boxes.values():
                if box.kind == "group":
                    inside = {_combined(self.seen[name][part]) for part in box.parts}
                    self.seen[name][box.id] = inside if len(inside) == 1 and inside != {"changed"} else {"inside"}
        for box in self.a.boxes.values():
            partner = f"#{self.pairs.get(box.parent or '')}"
            if box.kind == "group" and partner in self.b.boxes:
                self.pairs[box.id] = partner

    def _title(self, pair: Pair) -> str:
        """Return the name in A, but that in B of a block which a fold of A holds among others."""
        came_apart = len(self.partners["a"][pair.a]) > 1 and self.pairs[pair.a] != pair.b
        return self.b.title(pair.b) if came_apart else self.a.title(pair.a)

    def _judge_unmatched(self, only: Unmatched) -> bool:
        """Note a box that only one graph has, and all in it."""
        box, side = only.box, self.sides[only.side]
        status: Status = "removed" if only.side == "a" else "added"
        stack = [box]
        while stack:
            inner = stack.pop()
            self.seen[only.side][inner].add(status)
            stack.extend(part.id for part in side.parts(inner) if not only.wrapper)
        if only.listed:
            known = _facts_of_unmatched(side, box)
            if only.side == "a":
                lines: tuple[Line, ...] = tuple((word, value, None) for word, value in known)
                self.changes.append(Change(status, box, None, side.title(box), lines))
            else:
                lines = tuple((word, None, value) for word, value in known)
                self.changes.append(Change(status, None, box, side.title(box), lines))
        return True

    def _differences(self, pair: Pair) -> list[Line]:
        x, y = self.a.facts(pair.a, pair.shifts[0]), self.b.facts(pair.b, pair.shifts[1])
        lines = [*differences(x, y), *self._other_sources(pair)]
        if pair.repeats[0] != pair.repeats[1]:
            lines.append(("repeat", *pair.repeats))
        params = self.a.boxes[pair.a].params, self.b.boxes[pair.b].params
        alone = len(self.partners["a"][pair.a]) == len(self.partners["b"][pair.b]) == 1
        if lines and alone and x.kind == "module" and params[0] != params[1]:
            lines.append(("parameters", *params))
        return lines

    def _other_sources(self, pair: Pair) -> Iterator[Line]:
        """Yield where the two boxes read something else, which no added or removed box explains."""
        ours, theirs = self.a.reads.get(pair.a, {}), self.b.reads.get(pair.b, {})
        if self.a.boxes[pair.a].op is None or self.b.boxes[pair.b].op is None:
            return
        for slot in sorted({*ours, *theirs}):
            before, after = ours.get(slot, []), theirs.get(slot, [])
            if not before or not after or not self._agree(before, after):
                yield "reads", self.a.titles(before), self.b.titles(after)

    def _agree(self, before: list[str], after: list[str]) -> bool:
        """Return whether a source of A and one of B are, or are made of, boxes that are a pair."""
        ours = {box for source in before for box in self._origins("a", source)}
        theirs = {box for source in after for box in self._origins("b", source)}
        return not ours or not theirs or any(self.partners["a"][box] & theirs for box in ours)

    def _origins(self, name: SideName, box: str) -> frozenset[str]:
        """Return the matched box that *box* is, or else the matched ones that it is made of."""
        side = self.sides[name]
        found: dict[str, None] = {}
        if (name, box) not in self._reached:
            visited, stack = {box}, [box]
            while stack and len(found) < _REACH:
                at = stack.pop()
                known = next((b for b in side.view.chain(at) if self._represents(name, b, at)), None)
                if known is not None:
                    found[known] = None
                    continue
                sources = [s for sources in side.reads.get(at, {}).values() for s in sources if s not in visited]
                visited.update(sources)
                stack.extend(reversed(sources))
            self._reached[name, box] = frozenset(found) if len(found) < _REACH else frozenset()
        return self._reached[name, box]

    def _represents(self, name: SideName, around: str, box: str) -> bool:
        """Return whether *around* is matched and is *box*, or became one operation while *box* is inside of it."""
        other = self.b if name == "a" else self.a
        partners = self.partners[name].get(around, ())
        return bool(partners) and (around == box or any(other.boxes[partner].op is not None for partner in partners))


def _facts_of_unmatched(side: GraphSide, box: str) -> list[tuple[str, Value]]:
    """Return what the list of changes says of a box that only one graph has, by name; facts that it lacks are out."""
    facts, own = side.facts(box), side.boxes[box]
    says: list[tuple[str, Value]] = [
        ("class", facts.label if facts.kind == "module" else None),
        ("operation", facts.operation),
        ("shape", facts.shape),
        ("repeat", own.repeat if own.repeat > 1 else None),
        ("parameters", own.params),
    ]
    return [(word, value) for word, value in says if value]


def _combined(found: set[Status]) -> Status:
    """Return the one status of a box that was judged several times, since a fold came apart."""
    if len(found) == 1:
        return next(iter(found))
    return max(found, key=_RANK.index) if found <= set(_RANK) else "changed"


__all__ = ["compare"]
