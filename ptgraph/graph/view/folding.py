"""Equal blocks in a row fold to one: each feeds only the next, and the first can stand for all of them.

So do patterns of several blocks that repeat: five layers with local attention and one with global, again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import networkx as nx

# Where something reads what it does not make, the place of a leaf in it and a slot → where that is from, and which.
Reads = dict[tuple[int, int], tuple[str, Any]]


class Carry(NamedTuple):
    """What one block of a run, or one period of a pattern, feeds the next: from a leaf to a leaf of the first."""

    source: str
    target: str
    label: str
    slots: tuple[int, ...]


class _Look(NamedTuple):
    """A block among the parts of a box: its place, the leaf that it reads at each place with the place of the block
    that makes it, or -1, and the place of the last block that it feeds."""

    place: int
    reads: dict[tuple[int, int], tuple[str, int]]
    reach: int


@dataclass(frozen=True)
class Folded:
    """Runs of equal boxes, each by its first, which stands for all; patterns, by a box of their own around one period.

    ``runs`` are the boxes of each, those of a pattern period after period, and ``repeats`` how many blocks or periods
    that is; ``carries`` is what one feeds the next. ``stands`` maps a leaf that was folded away to the leaf that
    stands for it, and its number in the run of each fold that it was in.
    """

    runs: dict[str, list[str]]
    repeats: dict[str, int]
    carries: dict[str, list[Carry]]
    stands: dict[str, tuple[str, dict[str, int]]]


def fold(
    root: str, parts: dict[str, list[str]], flow: nx.DiGraph[str], blocks: dict[str, str], *, patterns: bool = True
) -> Folded:
    """Fold what is inside of the box *root*.

    *parts* are the boxes inside of each, *flow* what feeds what (by a label and slots), and *blocks* says which boxes
    are equal. All boxes of a run but the first leave *parts* and *flow*, and all of a pattern but its first period,
    which moves into a box of its own. Without *patterns*, only runs of single blocks fold.
    """
    folding = _Folding(parts, flow, blocks, patterns)
    folding.within(root)
    return folding.result()


def feed(flow: nx.DiGraph[str], source: str, target: str, label: str, slots: Iterable[int]) -> None:
    """Let *source* feed *target* at *slots* too; the first label stays."""
    before = flow.get_edge_data(source, target, {"label": label, "slots": []})
    flow.add_edge(source, target, label=before["label"], slots=sorted({*before["slots"], *slots}))


class _Folding:
    def __init__(
        self, parts: dict[str, list[str]], flow: nx.DiGraph[str], blocks: dict[str, str], patterns: bool
    ) -> None:
        self.parts = parts
        self.flow = flow
        self.blocks = blocks
        self.patterns = patterns
        self.order = {name: index for index, name in enumerate(flow)}
        self.folded: dict[str, list[str]] = {}
        self.repeats: dict[str, int] = {}
        self.carries: dict[str, list[Carry]] = {}
        self.stands: dict[str, tuple[str, str, int]] = {}  # a leaf that is gone → its stand-in, the fold, its number

    def result(self) -> Folded:
        """Return what was folded, with the leaves that are left when all is done."""
        stands = {leaf: self._stand_in(leaf) for leaf in self.stands}
        last = {leaf: found for leaf, (found, _) in stands.items()}
        carries = {
            first: [
                c._replace(source=last.get(c.source, c.source), target=last.get(c.target, c.target)) for c in carried
            ]
            for first, carried in self.carries.items()
        }
        return Folded(self.folded, self.repeats, carries, stands)

    def _stand_in(self, leaf: str) -> tuple[str, dict[str, int]]:
        numbers: dict[str, int] = {}
        while leaf in self.stands:
            leaf, fold, numbers[fold] = self.stands[leaf]
        return leaf, numbers

    def within(self, box: str) -> None:
        """Fold what repeats among the parts of *box*, then within what is left."""
        looks = self._looks(box)
        start = 0
        while start < len(self.parts[box]):
            run = self._best(self.parts[box], start, looks)
            if len(run) > 1:
                self._fold(box, run)
            start += 1
        for part in self.parts[box]:
            if part in self.parts:
                self.within(part)

    def _looks(self, box: str) -> dict[str, _Look]:
        """Return of each block in *box* what it reads and feeds, for a first glance at what may repeat."""
        blocks = {part: place for place, part in enumerate(self.parts[box]) if self._is_block(part)}
        made = {leaf: place for part, place in blocks.items() for leaf in self._leaves([part])}
        found = {}
        for part, place in blocks.items():
            targets = {t for leaf in self._leaves([part]) for t in self.flow.successors(leaf)}
            reads = {where: (source, made.get(source, -1)) for where, (_, source) in self._reads([part]).items()}
            found[part] = _Look(place, reads, max((made.get(t, len(self.parts[box])) for t in targets), default=place))
        return found

    def _best(self, parts: list[str], start: int, looks: dict[str, _Look]) -> list[list[str]]:
        """Return the periods of the run from *start* that covers most, of those the one with the shortest period."""
        found, best = [parts[start : start + 1]], (0, 0)
        for blocks, shorter in sorted(self._periods(parts, start, looks), reverse=True):
            if (blocks, shorter) <= best:
                break
            run = self._run(parts, start, -shorter)
            if len(run) > 1 and (len(run) * -shorter, shorter) > best:
                found, best = run, (len(run) * -shorter, shorter)
        return found

    def _periods(self, parts: list[str], start: int, looks: dict[str, _Look]) -> Iterator[tuple[int, int]]:
        """Yield how many blocks a run from *start* may cover at most, and its period, negated: cheaply, by looks."""
        longest = (len(parts) - start) // 2 if self.patterns else min(1, (len(parts) - start) // 2)
        if parts[start] not in looks:
            return
        first, reach = looks[parts[start]].place, 0
        for period in range(1, longest + 1):
            last = parts[start + period - 1]
            if last not in looks:
                return
            reach = max(reach, looks[last].reach)
            if reach >= first + 2 * period:  # the first period feeds more than the second
                continue
            end = start
            while end + period < len(parts) and self._looks_alike(parts[end], parts[end + period], first, looks):
                end += 1
            if end - start >= period:
                yield (end - start) // period * period + period, -period

    def _looks_alike(self, here: str, after: str, first: int, looks: dict[str, _Look]) -> bool:
        """Return whether two blocks may be the same one of two periods in a row, where the first block is *first*."""
        if here not in looks or after not in looks or self.blocks[here] != self.blocks[after]:
            return False
        (place, reads, _), (later, again, _) = looks[here], looks[after]
        period = later - place
        return reads.keys() == again.keys() and all(
            source == other  # from elsewhere
            or (at >= 0 and home - at == period)  # from the same period, or the one before
            or (place < first + period and at < first <= home < first + period)  # into the first period
            for (source, at), (other, home) in ((reads[where], again[where]) for where in reads)
        )

    def _run(self, parts: list[str], start: int, period: int) -> list[list[str]]:
        """Return the longest run from *start* of equal periods, so many blocks each, that one can stand for.

        Each feeds the next and nobody else, and all of them but for that read the same, each at the same places.
        """
        rows = [parts[at : at + period] for at in range(start, len(parts) - period + 1, period)]
        run = rows[:1]
        wiring: Reads | None = None
        for here, after in pairwise(rows):
            if not self._are_equal(here, after) or not self._feeds_only(here, after):
                break
            entry = self._reads(after, here)
            if wiring is None and not self._same_but_for(here, entry):
                break
            if wiring is not None and wiring != entry:
                break
            wiring = entry
            run.append(after)
        return run

    def _is_block(self, box: str) -> bool:
        return box in self.blocks and box in self.parts

    def _are_equal(self, here: list[str], after: list[str]) -> bool:
        """Return whether the blocks of two periods are equal one by one, and feed each other at the same places."""
        return all(
            self._is_block(one) and self.blocks.get(other) == self.blocks[one]
            for one, other in zip(here, after, strict=True)
        ) and (len(here) == 1 or self._wires(here) == self._wires(after))

    def _wires(self, boxes: list[str]) -> dict[tuple[int, int], list[int]]:
        place = {leaf: index for index, leaf in enumerate(self._leaves(boxes))}
        return {
            (place[leaf], place[target]): edge["slots"]
            for leaf in place
            for target, edge in self.flow.adj[leaf].items()
            if target in place
        }

    def _feeds_only(self, here: list[str], after: list[str]) -> bool:
        ours, following = self._leaves(here), self._leaves(after)
        inside, next_ = set(ours), set(following)
        targets = {t for s in ours for t in self.flow.successors(s) if t not in inside}
        return bool(targets) and targets <= next_ and self._ranks(ours) == self._ranks(following)

    def _ranks(self, leaves: list[str]) -> list[tuple[int, str]]:
        """Return the place of each leaf among them in order of execution, and what it does."""
        rank = {leaf: index for index, leaf in enumerate(sorted(leaves, key=self.order.__getitem__))}
        return [(rank[leaf], self.flow.nodes[leaf]["target"]) for leaf in leaves]

    def _reads(self, boxes: list[str], before: list[str] | None = None) -> Reads:
        """Map each place where *boxes* read what they do not make to what that is.

        What the boxes *before* them make is known by the place of the leaf in those.
        """
        leaves = self._leaves(boxes)
        inside = set(leaves)
        previous = {leaf: place for place, leaf in enumerate(self._leaves(before))} if before is not None else {}
        found: Reads = {}
        for place, leaf in enumerate(leaves):
            for source in self.flow.predecessors(leaf):
                if source not in inside:
                    what = ("before", previous[source]) if source in previous else ("elsewhere", source)
                    found |= {(place, slot): what for slot in self.flow.edges[source, leaf]["slots"]}
        return found

    def _same_but_for(self, first: list[str], entry: Reads) -> bool:
        """Return whether *first* reads what the next one reads (*entry*), with one value for each of its own.

        In a pattern these must differ, too: inside of it other folds are found by what its first period reads.
        """
        reads = self._reads(first)
        given: dict[int, tuple[str, Any]] = {}
        return (
            reads.keys() == entry.keys()
            and all(
                (given.setdefault(value, reads[place]) == reads[place])
                if origin == "before"
                else (reads[place][1] == value)
                for place, (origin, value) in entry.items()
            )
            and (len(first) == 1 or len(set(given.values())) == len(given))
        )

    def _leaves(self, boxes: list[str]) -> list[str]:
        found: list[str] = []
        for box in boxes:
            found += self._leaves(self.parts[box]) if box in self.parts else [box]
        return found

    def _fold(self, box: str, run: list[list[str]]) -> None:
        """Let the first block, or the first period, stand for the run; what the last one feeds, it feeds."""
        first, *rest = run
        name = first[0] if len(first) == 1 else f"*{len(first)}{first[0]}"
        ours = self._leaves(first)
        gone = set()
        for number, row in enumerate(rest, 1):
            for stand_in, leaf in zip(ours, self._leaves(row), strict=True):
                self.stands[leaf] = stand_in, name, number
                gone.add(leaf)
        self.carries[name] = [
            Carry(source, self.stands[target][0], edge["label"], tuple(edge["slots"]))
            for source in ours
            for target, edge in self.flow.adj[source].items()
            if target in gone
        ]
        for stand_in, leaf in zip(ours, self._leaves(rest[-1]), strict=True):
            for target, edge in list(self.flow.adj[leaf].items()):
                if target not in gone:
                    feed(self.flow, stand_in, target, edge["label"], edge["slots"])
        self.flow.remove_nodes_from(gone)
        start = self.parts[box].index(first[0])
        self.parts[box][start : start + len(first) * len(run)] = [name]
        if len(first) > 1:
            self.parts[name] = first
        self.folded[name] = [block for row in run for block in row]
        self.repeats[name] = len(run)


__all__ = ["Carry", "Folded", "feed", "fold"]
