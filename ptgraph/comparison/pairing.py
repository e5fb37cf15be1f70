"""Pairs of boxes: which box of one graph is which of the other, from the root down."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ptgraph.comparison.alignment import Match, match
from ptgraph.comparison.features import BlockShift, GraphSide, Part
from ptgraph.comparison.result import SideName

Sides = dict[SideName, GraphSide]
Wrappers = dict[SideName, dict[str, str]]  # a part → the module around it that only its own graph has


@dataclass
class Pair:
    """Two boxes that are matched, and what is inside of them, in order.

    ``shifts`` lead to the block of a fold that is meant, in A and in B. ``repeats`` are how many blocks the boxes stand
    for. ``renamed`` says that they are modules of different names, numbers aside.
    """

    a: str
    b: str
    shifts: tuple[BlockShift, BlockShift]
    repeats: tuple[int, int] = (1, 1)
    renamed: bool = False
    inside: list[Pair | Unmatched] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A box that only one graph has. ``listed`` says whether it is an entry in the list of changes.

    The parts of a ``wrapper`` stand beside it, since the other graph has some of them.
    """

    side: SideName
    box: str
    wrapper: bool = False
    listed: bool = True


@dataclass
class Pairing:
    """All pairs: ``root`` as a tree, ``pairs`` from A to B, and ``partners`` of each box in either direction.

    A fold that came apart has several partners.
    """

    root: Pair
    pairs: dict[str, str] = field(default_factory=dict)
    partners: dict[SideName, dict[str, set[str]]] = field(
        default_factory=lambda: {"a": defaultdict(set), "b": defaultdict(set)}
    )


class _Matched(NamedTuple):
    """The parts of two boxes: in A, in B, the numbers of those that are aligned, and of those that have moved."""

    ours: list[Part]
    theirs: list[Part]
    aligned: list[Match]
    moved: list[Match]

    @property
    def all(self) -> list[Match]:
        return [*self.aligned, *self.moved]


def pair_boxes(a: GraphSide, b: GraphSide) -> Pairing:
    """Match the boxes of two graphs. The roots are a pair; then the parts of each pair are matched."""
    found = Pairing(Pair("/", "/", ((), ())))
    _pair_inside(found.root, {"a": a, "b": b}, found)
    return found


def _pair_inside(pair: Pair, sides: Sides, found: Pairing) -> None:
    """Note *pair*, and match what is inside of its two boxes."""
    found.pairs.setdefault(pair.a, pair.b)
    found.partners["a"][pair.a].add(pair.b)
    found.partners["b"][pair.b].add(pair.a)
    matched, wrappers = _matched_parts(pair, sides)
    inner = _inner_pairs(pair, sides, matched)
    most = Counter((matched.ours[i].box, matched.theirs[j].box) for i, j in matched.all)
    for boxes, _ in most.most_common():  # the pair of most blocks is the one that a fold became
        _pair_inside(inner[boxes], sides, found)
    pair.inside = list(_with_wrappers(_merged(matched, inner), wrappers))


def _matched_parts(pair: Pair, sides: Sides) -> tuple[_Matched, Wrappers]:
    """Match the parts of *pair*, after opening the modules that are only wrapped around parts of the other graph."""
    ours, theirs = sides["a"].parts_to_match(pair.a, pair.shifts[0]), sides["b"].parts_to_match(pair.b, pair.shifts[1])
    wrappers: Wrappers = {"a": {}, "b": {}}
    while True:
        matched = _Matched(ours, theirs, *match(ours, theirs))
        loose_a, loose_b = _loose(ours, {i for i, _ in matched.all}), _loose(theirs, {j for _, j in matched.all})
        if not loose_a or not loose_b:
            return matched, wrappers
        opened_a = _opened(sides["a"], pair.shifts[0], loose_a, loose_b)
        opened_b = _opened(sides["b"], pair.shifts[1], loose_b, loose_a)
        if not opened_a and not opened_b:
            return matched, wrappers
        wrappers["a"] |= {part.box: wrapper.box for wrapper, parts in opened_a.items() for part in parts}
        wrappers["b"] |= {part.box: wrapper.box for wrapper, parts in opened_b.items() for part in parts}
        ours = [inner for part in ours for inner in opened_a.get(part, [part])]
        theirs = [inner for part in theirs for inner in opened_b.get(part, [part])]


def _loose(parts: list[Part], matched: set[int]) -> list[Part]:
    return [part for number, part in enumerate(parts) if number not in matched]


def _opened(side: GraphSide, shift: BlockShift, loose: list[Part], others: list[Part]) -> dict[Part, list[Part]]:
    """Return the modules among *loose* of which the other graph has half the parts among its loose ones (*others*)."""
    forms = Counter(part.form for part in others)
    opened: dict[Part, list[Part]] = {}
    for part in loose:
        shared = Counter(part.inside) & forms
        if 0 < len(part.inside) <= 2 * shared.total() and side.boxes[part.box].repeat == 1:
            forms -= shared
            opened[part] = side.parts_to_match(part.box, shift)
    return opened


def _inner_pairs(pair: Pair, sides: Sides, matched: _Matched) -> dict[tuple[str, str], Pair]:
    """Return the pairs of boxes that the matched parts are of, each with how many blocks there are of it."""
    a, b = sides["a"], sides["b"]
    found: dict[tuple[str, str], Pair] = {}
    for i, j in sorted(matched.all):
        x, y = matched.ours[i], matched.theirs[j]
        if (x.box, y.box) not in found:
            shift_a = (*pair.shifts[0], *a.shift(x.box, x.number))
            shift_b = (*pair.shifts[1], *b.shift(y.box, y.number))
            renamed = x.kind == "module" and _words(x.name) != _words(y.name)
            found[x.box, y.box] = Pair(x.box, y.box, (shift_a, shift_b), renamed=renamed)
    for boxes in _connected(list(found)):
        before = sum(a.boxes[box].repeat for box in {ours for ours, _ in boxes})
        after = sum(b.boxes[box].repeat for box in {theirs for _, theirs in boxes})
        first = max(boxes, key=lambda pair: min(a.boxes[pair[0]].repeat, b.boxes[pair[1]].repeat))
        found[first].repeats = before, after
    return found


def _merged(matched: _Matched, inner: dict[tuple[str, str], Pair]) -> Iterator[Pair | Unmatched]:
    """Yield each pair and each box without a partner once: in A's order, with what was added where it stands in B."""
    ours, theirs = matched.ours, matched.theirs
    partner, position = dict(matched.all), dict(matched.aligned)
    known_a, known_b = {a for a, _ in inner}, {b for _, b in inner}
    done: set[Any] = set()
    at = 0
    for i, part in enumerate([*ours, None]):
        if part is None or i in position:
            until = len(theirs) if part is None else position[i]
            for other in theirs[at:until]:
                if other.box not in known_b and ("b", other.box) not in done:
                    done.add(("b", other.box))
                    yield Unmatched("b", other.box)
            at = until
        if part is None:
            return
        key: Any = (part.box, theirs[partner[i]].box) if i in partner else ("a", part.box)
        if key in done or (i not in partner and part.box in known_a):
            continue
        done.add(key)
        yield inner[key] if i in partner else Unmatched("a", part.box)


def _with_wrappers(inside: Iterator[Pair | Unmatched], wrappers: Wrappers) -> Iterator[Pair | Unmatched]:
    """Yield a wrapper before the first of its parts; what else only its graph has is listed with it."""
    done: set[str] = set()
    for part in inside:
        boxes: dict[SideName, str] = {"a": part.a, "b": part.b} if isinstance(part, Pair) else {part.side: part.box}
        around: list[Unmatched] = []
        for side, box in boxes.items():
            while box in wrappers[side]:
                box = wrappers[side][box]
                around.append(Unmatched(side, box, wrapper=True, listed=box not in wrappers[side]))
        for wrapper in reversed(around):
            if (key := wrapper.side + wrapper.box) not in done:
                done.add(key)
                yield wrapper
        yield part if isinstance(part, Pair) or not around else Unmatched(part.side, part.box, listed=False)


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
    """Return the parts of a path that are no numbers."""
    return [word for word in name.split(".") if not word.isdigit()]


__all__ = ["Pair", "Pairing", "Unmatched", "pair_boxes"]
