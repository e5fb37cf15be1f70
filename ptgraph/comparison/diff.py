"""Two ModelGraphs → what was added, removed and changed: parts are matched by structure first, by name second."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ptgraph.comparison.alignment import match
from ptgraph.comparison.facts import Line, Value, differences
from ptgraph.comparison.features import Item, Numbering, Shift, Side
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.serialize import attributes
from ptgraph.graph.view.model import View

Status = Literal["same", "inside", "changed", "added", "removed"]

_REACH = 64  # matched boxes that are looked for behind boxes that only one side has


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the list: a box of either side or both, and what differs."""

    status: Status
    a: str | None
    b: str | None
    title: str
    what: tuple[Line, ...]

    def data(self) -> dict[str, Any]:
        """Return the change JSON-plain."""
        what = [list(line) for line in self.what]
        return {"status": self.status, "a": self.a, "b": self.b, "title": self.title, "what": what}


@dataclass(frozen=True, slots=True)
class Renamed:
    """A module that is the same under another name: its boxes and its paths."""

    a: str
    b: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """What became of a model: ids are those of the boxes in the views of the two graphs.

    ``pairs`` maps a box of A to that of B which it became; of a fold that came apart, to the one with most of its
    blocks. ``status`` says of each box, under ``"a"`` and ``"b"``, whether it is the same, is the same but for
    something inside, changed itself, or is only here (removed from A, added in B). ``changes`` are in order of
    execution; of what is only in one, the outermost. ``renamed`` are those that are the same under another
    name (numbers aside). ``summary`` counts the changes, the boxes of B that are the same, and has
    parameters, FLOPs and bytes of activations before and after. ``views`` are the two that the ids are of.
    """

    pairs: dict[str, str]
    status: dict[str, dict[str, Status]]
    changes: tuple[Change, ...]
    renamed: tuple[Renamed, ...]
    summary: dict[str, Any]
    views: tuple[View, View] = field(repr=False, compare=False)

    def data(self) -> dict[str, Any]:
        """Return the comparison JSON-plain, without the views."""
        return {
            "pairs": dict(self.pairs),
            "status": {side: dict(found) for side, found in self.status.items()},
            "changes": [change.data() for change in self.changes],
            "renamed": [attributes(names) for names in self.renamed],
            "summary": dict(self.summary),
        }


def compare(a: ModelGraph, b: ModelGraph) -> Comparison:
    """Return what is different in *b*, as seen from *a*."""
    return _Comparing(a, b).result()


@dataclass
class _Pair:
    """Two boxes that are matched, where in a fold they are meant, and what is inside, in order."""

    a: str
    b: str
    shifts: tuple[Shift, Shift]
    repeats: tuple[int, int] = (1, 1)
    renamed: bool = False
    inside: list[_Pair | _Only] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Only:
    """A box that only one side has. A ``wrapper`` has its parts beside it: some of them the other side has too."""

    side: Literal["a", "b"]
    box: str
    wrapper: bool = False
    told: bool = True  # in the list of changes


class _Comparing:
    def __init__(self, a: ModelGraph, b: ModelGraph) -> None:
        numbering = Numbering()
        settings = all(any(node["settings"] for _, node in graph.components.nodes(data=True)) for graph in (a, b))
        self.a, self.b = Side(a, numbering, settings), Side(b, numbering, settings)
        self.pairs: dict[str, str] = {}
        self.partners: dict[str, dict[str, set[str]]] = {"a": defaultdict(set), "b": defaultdict(set)}
        self.reached: dict[tuple[str, str], frozenset[str]] = {}
        self.seen: dict[str, dict[str, set[Status]]] = {"a": defaultdict(set), "b": defaultdict(set)}
        self.changes: list[Change] = []
        self.renamed: list[Renamed] = []

    def result(self) -> Comparison:
        root = self._match(_Pair("/", "/", ((), ())))
        self._judge(root)
        self._judge_groups()
        status = {
            "a": {box: _combined(self.seen["a"][box]) for box in self.a.boxes},
            "b": {box: _combined(self.seen["b"][box]) for box in self.b.boxes},
        }
        counted = Counter(change.status for change in self.changes)
        before, after = self.a.graph.component(""), self.b.graph.component("")
        summary = {
            "same": sum(found == "same" for found in status["b"].values()),
            **{word: counted[word] for word in ("changed", "added", "removed")},
            "renamed": len(self.renamed),
            "params": [before.total_params, after.total_params],
            "flops": [before.flops, after.flops],
            "bytes": [before.activation_bytes, after.activation_bytes],
        }
        return Comparison(
            self.pairs, status, tuple(self.changes), tuple(self.renamed), summary, (self.a.view, self.b.view)
        )

    # What is matched

    def _match(self, pair: _Pair) -> _Pair:
        """Match what is inside of the two boxes of *pair*."""
        self.pairs.setdefault(pair.a, pair.b)
        self.partners["a"][pair.a].add(pair.b)
        self.partners["b"][pair.b].add(pair.a)
        ours, theirs = self.a.items(pair.a, pair.shifts[0]), self.b.items(pair.b, pair.shifts[1])
        aligned, moved = match(ours, theirs)
        wrappers: dict[str, dict[str, str]] = {"a": {}, "b": {}}  # a part → what it is wrapped in, here only
        while self._unwrap(pair, ours, theirs, [*aligned, *moved], wrappers):
            aligned, moved = match(ours, theirs)
        inner = self._inner(pair, ours, theirs, [*aligned, *moved])
        most: Counter[tuple[str, str]] = Counter((ours[i].box, theirs[j].box) for i, j in [*aligned, *moved])
        for (box, other), _ in most.most_common():  # the pair of most blocks is the one that a fold became
            self._match(inner[box, other])
        pair.inside = list(_with_wrappers(_merged(ours, theirs, aligned, moved, inner), wrappers))
        return pair

    def _unwrap(
        self,
        pair: _Pair,
        ours: list[Item],
        theirs: list[Item],
        matched: list[tuple[int, int]],
        wrappers: dict[str, dict[str, str]],
    ) -> bool:
        """Put the parts of modules that only one side has in their place, if the other side has half of them loose."""
        if len(matched) == len(ours) or len(matched) == len(theirs):
            return False
        left, right = {i for i, _ in matched}, {j for _, j in matched}
        loose_a = [item for i, item in enumerate(ours) if i not in left]
        loose_b = [item for j, item in enumerate(theirs) if j not in right]
        found = False
        for name, side, shift, items, loose, others in (
            ("a", self.a, pair.shifts[0], ours, loose_a, loose_b),
            ("b", self.b, pair.shifts[1], theirs, loose_b, loose_a),
        ):
            forms = Counter(item.form for item in others)
            opened: dict[Item, list[Item]] = {}
            for item in loose:
                shared = Counter(item.inside) & forms
                if 0 < len(item.inside) <= 2 * shared.total() and side.boxes[item.box].repeat == 1:
                    forms -= shared
                    opened[item] = side.items(item.box, shift)
                    wrappers[name] |= {part.box: item.box for part in opened[item]}
            items[:] = [part for item in items for part in opened.get(item, [item])]
            found = found or bool(opened)
        return found

    def _inner(
        self, pair: _Pair, ours: list[Item], theirs: list[Item], matched: list[tuple[int, int]]
    ) -> dict[tuple[str, str], _Pair]:
        """Return the pairs of boxes that the matched parts are of, each with how many blocks there are of it."""
        found: dict[tuple[str, str], _Pair] = {}
        for i, j in sorted(matched):
            x, y = ours[i], theirs[j]
            if (x.box, y.box) not in found:
                shift_a = (*pair.shifts[0], *self.a.shift(x.box, x.number))
                shift_b = (*pair.shifts[1], *self.b.shift(y.box, y.number))
                renamed = x.kind == "module" and _words(x.name) != _words(y.name)
                found[x.box, y.box] = _Pair(x.box, y.box, (shift_a, shift_b), renamed=renamed)
        for boxes in _connected(list(found)):
            before = sum(self.a.boxes[box].repeat for box in {a for a, _ in boxes})
            after = sum(self.b.boxes[box].repeat for box in {b for _, b in boxes})
            first = max(boxes, key=lambda pair: min(self.a.boxes[pair[0]].repeat, self.b.boxes[pair[1]].repeat))
            found[first].repeats = before, after
        return found

    # What differs

    def _judge(self, pair: _Pair) -> bool:
        """Note the status of *pair* and of all in it; return whether anything is different."""
        place = len(self.changes)
        different = [self._judge(part) if isinstance(part, _Pair) else self._only(part) for part in pair.inside]
        what = self._differences(pair)
        status: Status = "changed" if what else "inside" if any(different) else "same"
        self.seen["a"][pair.a].add(status)
        self.seen["b"][pair.b].add(status)
        if what:
            self.changes.insert(place, Change("changed", pair.a, pair.b, self._title(pair), tuple(what)))
        elif pair.renamed:
            self.renamed.append(Renamed(pair.a, pair.b, self.a.title(pair.a), self.b.title(pair.b)))
        return status != "same"

    def _title(self, pair: _Pair) -> str:
        """Return the name in A, but that in B of a block which a fold of A holds among others."""
        came_apart = len(self.partners["a"][pair.a]) > 1 and self.pairs[pair.a] != pair.b
        return self.b.title(pair.b) if came_apart else self.a.title(pair.a)

    def _only(self, only: _Only) -> bool:
        """Note a box that only one side has, and all in it."""
        name, box = only.side, only.box
        side = self.a if name == "a" else self.b
        status: Status = "removed" if name == "a" else "added"
        stack = [box]
        while stack:
            inner = stack.pop()
            self.seen[name][inner].add(status)
            stack.extend(part.id for part in side.parts(inner) if not only.wrapper)
        if not only.told:
            return True
        facts, own = side.facts(box), side.boxes[box]
        says: list[tuple[str, Value]] = [
            ("class", facts.label if facts.kind == "module" else None),
            ("operation", facts.operation),
            ("shape", facts.shape),
            ("repeat", own.repeat if own.repeat > 1 else None),
            ("parameters", own.params),
        ]
        known = [(word, value) for word, value in says if value]
        if name == "a":
            change = Change(status, box, None, side.title(box), tuple((word, value, None) for word, value in known))
        else:
            change = Change(status, None, box, side.title(box), tuple((word, None, value) for word, value in known))
        self.changes.append(change)
        return True

    def _differences(self, pair: _Pair) -> list[Line]:
        x, y = self.a.facts(pair.a, pair.shifts[0]), self.b.facts(pair.b, pair.shifts[1])
        lines = [*differences(x, y), *self._reads(pair)]
        if pair.repeats[0] != pair.repeats[1]:
            lines.append(("repeat", *pair.repeats))
        params = self.a.boxes[pair.a].params, self.b.boxes[pair.b].params
        alone = len(self.partners["a"][pair.a]) == len(self.partners["b"][pair.b]) == 1
        if lines and alone and x.kind == "module" and params[0] != params[1]:
            lines.append(("parameters", *params))
        return lines

    def _reads(self, pair: _Pair) -> Iterator[Line]:
        """Yield where the two boxes read something else, which no added or removed box explains."""
        ours, theirs = self.a.reads.get(pair.a, {}), self.b.reads.get(pair.b, {})
        if self.a.boxes[pair.a].op is None or self.b.boxes[pair.b].op is None:
            return
        for slot in sorted({*ours, *theirs}):
            before, after = ours.get(slot, []), theirs.get(slot, [])
            if not before or not after or not self._agree(before, after):
                yield "reads", self.a.titles(before), self.b.titles(after)

    def _agree(self, before: list[str], after: list[str]) -> bool:
        ours = {box for source in before for box in self._origins("a", source)}
        theirs = {box for source in after for box in self._origins("b", source)}
        return not ours or not theirs or any(self.partners["a"][box] & theirs for box in ours)

    def _origins(self, name: Literal["a", "b"], box: str) -> frozenset[str]:
        """Return the matched box that *box* is, or else the matched ones that it is made of."""
        side = self.a if name == "a" else self.b
        found: dict[str, None] = {}
        if (name, box) not in self.reached:
            visited, stack = {box}, [box]
            while stack and len(found) < _REACH:
                at = stack.pop()
                known = next((b for b in side.view.chain(at) if self._stands(name, b, at)), None)
                if known is not None:
                    found[known] = None
                    continue
                sources = [s for sources in side.reads.get(at, {}).values() for s in sources if s not in visited]
                visited.update(sources)
                stack.extend(reversed(sources))
            self.reached[name, box] = frozenset(found) if len(found) < _REACH else frozenset()
        return self.reached[name, box]

    def _stands(self, name: Literal["a", "b"], around: str, box: str) -> bool:
        """Return whether *around* is matched and is *box*, or became one operation while *box* is inside of it."""
        other = self.b if name == "a" else self.a
        partners = self.partners[name].get(around, ())
        return bool(partners) and (around == box or any(other.boxes[partner].op is not None for partner in partners))

    def _judge_groups(self) -> None:
        """Groups of operations are no parts of a model: two are a pair if what they are in is; their content judges."""
        for name, side in (("a", self.a), ("b", self.b)):
            for box in side.boxes.values():
                if box.kind == "group":
                    inside = {_combined(self.seen[name][part]) for part in box.parts}
                    self.seen[name][box.id] = inside if len(inside) == 1 and inside != {"changed"} else {"inside"}
        for box in self.a.boxes.values():
            partner = f"#{self.pairs.get(box.parent or '')}"
            if box.kind == "group" and partner in self.b.boxes:
                self.pairs[box.id] = partner


def _merged(
    ours: list[Item],
    theirs: list[Item],
    aligned: list[tuple[int, int]],
    moved: list[tuple[int, int]],
    inner: dict[tuple[str, str], _Pair],
) -> Iterator[_Pair | _Only]:
    """Yield each pair and each box without a partner once: in A's order, with what was added where it stands in B."""
    partner = dict([*aligned, *moved])
    place, known_a, known_b = dict(aligned), {a for a, _ in inner}, {b for _, b in inner}
    done: set[Any] = set()
    at = 0
    for i, item in enumerate([*ours, None]):
        if item is None or i in place:
            until = len(theirs) if item is None else place[i]
            for other in theirs[at:until]:
                if other.box not in known_b and ("b", other.box) not in done:
                    done.add(("b", other.box))
                    yield _Only("b", other.box)
            at = until
        if item is None:
            return
        key: Any = (item.box, theirs[partner[i]].box) if i in partner else ("a", item.box)
        if key in done or (i not in partner and item.box in known_a):
            continue
        done.add(key)
        yield inner[key] if i in partner else _Only("a", item.box)


def _with_wrappers(inside: Iterator[_Pair | _Only], wrappers: dict[str, dict[str, str]]) -> Iterator[_Pair | _Only]:
    """Yield a wrapper before the first of its parts; what else only it has is told with it."""
    done: set[str] = set()
    for part in inside:
        boxes: dict[Literal["a", "b"], str] = (
            {"a": part.a, "b": part.b} if isinstance(part, _Pair) else {part.side: part.box}
        )
        around: list[_Only] = []
        for name, box in boxes.items():
            while box in wrappers[name]:
                box = wrappers[name][box]
                around.append(_Only(name, box, wrapper=True, told=box not in wrappers[name]))
        for wrapper in reversed(around):
            if (key := wrapper.side + wrapper.box) not in done:
                done.add(key)
                yield wrapper
        yield part if isinstance(part, _Pair) or not around else _Only(part.side, part.box, told=False)


def _connected(pairs: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Return the pairs in lists of those that have a box in common, directly or by others."""
    lists: list[list[tuple[str, str]]] = []
    of: dict[tuple[str, str], int] = {}
    for a, b in pairs:
        found = sorted({of[key] for key in (("a", a), ("b", b)) if key in of})
        if not found:
            found = [len(lists)]
            lists.append([])
        lists[found[0]].append((a, b))
        for other in found[1:]:
            lists[found[0]] += lists[other]
            lists[other] = []
        of |= {key: found[0] for pair in lists[found[0]] for key in (("a", pair[0]), ("b", pair[1]))}
    return [pairs for pairs in lists if pairs]


def _words(name: str) -> list[str]:
    return [word for word in name.split(".") if not word.isdigit()]


_RANK: tuple[Status, ...] = ("same", "inside", "changed")


def _combined(found: set[Status]) -> Status:
    """Return the status of a box that is seen several times, since a fold came apart."""
    if len(found) == 1:
        return next(iter(found))
    return max(found, key=_RANK.index) if found <= set(_RANK) else "changed"


__all__ = ["Change", "Comparison", "Renamed", "Status", "compare"]
