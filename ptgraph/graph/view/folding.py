"""Folding: equal blocks in a row become one, which stands for all of them, if each feeds only the next.

So do patterns of several blocks that repeat: five layers with local attention and one with global, again and again.
The blocks that repeat together are a *period*, a single block is a period of one, and periods in a row of which the
first can stand for all are a *repetition*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import networkx as nx

from ptgraph.graph.view.flow import feed

# The values that boxes read from outside: (number of the leaf that reads, slot) → ("before", number of a leaf in the
# period before) or ("elsewhere", leaf).
Reads = dict[tuple[int, int], tuple[str, Any]]


class Carry(NamedTuple):
    """A value that each period of a repetition feeds the next: from a leaf to a leaf, both of the first period."""

    source: str
    target: str
    label: str
    slots: tuple[int, ...]


class _Wiring(NamedTuple):
    """The wiring of a block among the parts of a box, which is the one with that *number*.

    *reads* maps (number of a leaf, slot) to the leaf read there and the number of the block that has it, or -1. *reach*
    is the number of the last block that it feeds.
    """

    number: int
    reads: dict[tuple[int, int], tuple[str, int]]
    reach: int


@dataclass(frozen=True)
class Folded:
    """The folds by the box that stands for all: the first block, or for a pattern a box of its own around one period.

    ``blocks`` are the blocks of each, period after period, and ``repeats`` the number of periods; ``carries`` is what
    one feeds the next. ``stands`` maps a leaf that was folded away to the leaf that stands for it, and the number of
    its period in each fold that it was in.
    """

    blocks: dict[str, list[str]]
    repeats: dict[str, int]
    carries: dict[str, list[Carry]]
    stands: dict[str, tuple[str, dict[str, int]]]


def fold(
    root: str, parts: dict[str, list[str]], flow: nx.DiGraph[str], blocks: dict[str, str], *, patterns: bool = True
) -> Folded:
    """Fold the boxes inside of the box *root*, in place.

    *parts* are the boxes inside of each, *flow* the edges between leaves, and *blocks* maps boxes to ids that equal
    ones share. Of each fold, all periods but the first leave *parts* and *flow*; that of a pattern moves into a box of
    its own. Without *patterns*, only single blocks fold.
    """
    folding = _Folding(parts, flow, blocks, patterns)
    folding.within(root)
    return folding.result()


class _Folding:
    def __init__(
        self, parts: dict[str, list[str]], flow: nx.DiGraph[str], blocks: dict[str, str], patterns: bool
    ) -> None:
        self.parts = parts
        self.flow = flow
        self.blocks = blocks
        self.patterns = patterns
        self.order = {name: rank for rank, name in enumerate(flow)}
        self.folded: dict[str, list[str]] = {}
        self.repeats: dict[str, int] = {}
        self.carries: dict[str, list[Carry]] = {}
        self.stands: dict[str, tuple[str, str, int]] = {}  # a leaf that is gone → its stand-in, the fold, its number

    def result(self) -> Folded:
        """Return the folds, with the leaves that are left."""
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
        """Fold the repetitions among the parts of *box*, then those within what is left."""
        wirings = self._wirings(box)
        start = 0
        while start < len(self.parts[box]):
            repetition = self._longest_repetition(self.parts[box], start, wirings)
            if len(repetition) > 1:
                self._fold(box, repetition)
            start += 1
        for part in self.parts[box]:
            if part in self.parts:
                self.within(part)

    def _wirings(self, box: str) -> dict[str, _Wiring]:
        """Return the wiring of each block in *box*, by which most repetitions that cannot be are ruled out."""
        blocks = {part: number for number, part in enumerate(self.parts[box]) if self._is_block(part)}
        made = {leaf: number for part, number in blocks.items() for leaf in self._leaves([part])}
        found = {}
        for part, number in blocks.items():
            targets = {t for leaf in self._leaves([part]) for t in self.flow.successors(leaf)}
            reads = {where: (source, made.get(source, -1)) for where, (_, source) in self._reads([part]).items()}
            reach = max((made.get(target, len(self.parts[box])) for target in targets), default=number)
            found[part] = _Wiring(number, reads, reach)
        return found

    def _longest_repetition(self, parts: list[str], start: int, wirings: dict[str, _Wiring]) -> list[list[str]]:
        """Return the repetition from *start* with the most blocks, of those the one with the shortest period."""
        found, best = [parts[start : start + 1]], (0, 0)
        for blocks, shorter in sorted(self._periods(parts, start, wirings), reverse=True):
            if (blocks, shorter) <= best:
                break
            repetition = self._repetition(parts, start, -shorter)
            if len(repetition) > 1 and (len(repetition) * -shorter, shorter) > best:
                found, best = repetition, (len(repetition) * -shorter, shorter)
        return found

    def _periods(self, parts: list[str], start: int, wirings: dict[str, _Wiring]) -> Iterator[tuple[int, int]]:
        """Yield the most blocks that a repetition from *start* may have, and the length of its period, negated."""
        longest = (len(parts) - start) // 2 if self.patterns else min(1, (len(parts) - start) // 2)
        if parts[start] not in wirings:
            return
        first, reach = wirings[parts[start]].number, 0
        for period in range(1, longest + 1):
            last = parts[start + period - 1]
            if last not in wirings:
                return
            reach = max(reach, wirings[last].reach)
            if reach >= first + 2 * period:  # the first period feeds more than the second
                continue
            end = start
            while end + period < len(parts) and self._wired_alike(parts[end], parts[end + period], first, wirings):
                end += 1
            if end - start >= period:
                yield (end - start) // period * period + period, -period

    def _wired_alike(self, here: str, after: str, first: int, wirings: dict[str, _Wiring]) -> bool:
        """Return whether two blocks may be the same one of two periods in a row, where the first block is *first*."""
        if here not in wirings or after not in wirings or self.blocks[here] != self.blocks[after]:
            return False
        (number, reads, _), (later, again, _) = wirings[here], wirings[after]
        period = later - number
        return reads.keys() == again.keys() and all(
            source == other  # from elsewhere
            or (at >= 0 and home - at == period)  # from the same period, or the one before
            or (number < first + period and at < first <= home < first + period)  # into the first period
            for (source, at), (other, home) in ((reads[where], again[where]) for where in reads)
        )

    def _repetition(self, parts: list[str], start: int, period: int) -> list[list[str]]:
        """Return the longest repetition from *start* of periods with *period* blocks each.

        Each period feeds the next and nothing else; but for that, all read the same values at the same leaf and slot.
        """
        periods = [parts[at : at + period] for at in range(start, len(parts) - period + 1, period)]
        found = periods[:1]
        reads: Reads | None = None
        for here, after in pairwise(periods):
            if not self._are_equal(here, after) or not self._feeds_only(here, after):
                break
            entry = self._reads(after, here)
            if reads is None and not self._reads_alike(here, entry):
                break
            if reads is not None and reads != entry:
                break
            reads = entry
            found.append(after)
        return found

    def _is_block(self, box: str) -> bool:
        return box in self.blocks and box in self.parts

    def _are_equal(self, here: list[str], after: list[str]) -> bool:
        """Return whether the blocks of two periods are equal one by one, and feed each other alike."""
        return all(
            self._is_block(one) and self.blocks.get(other) == self.blocks[one]
            for one, other in zip(here, after, strict=True)
        ) and (len(here) == 1 or self._edges(here) == self._edges(after))

    def _edges(self, boxes: list[str]) -> dict[tuple[int, int], list[int]]:
        number = {leaf: index for index, leaf in enumerate(self._leaves(boxes))}
        return {
            (number[leaf], number[target]): edge["slots"]
            for leaf in number
            for target, edge in self.flow.adj[leaf].items()
            if target in number
        }

    def _feeds_only(self, here: list[str], after: list[str]) -> bool:
        ours, following = self._leaves(here), self._leaves(after)
        inside, next_ = set(ours), set(following)
        targets = {t for s in ours for t in self.flow.successors(s) if t not in inside}
        return bool(targets) and targets <= next_ and self._ranks(ours) == self._ranks(following)

    def _ranks(self, leaves: list[str]) -> list[tuple[int, str]]:
        """Return the number of each leaf among them in order of execution, and its operator."""
        rank = {leaf: index for index, leaf in enumerate(sorted(leaves, key=self.order.__getitem__))}
        return [(rank[leaf], self.flow.nodes[leaf]["target"]) for leaf in leaves]

    def _reads(self, boxes: list[str], before: list[str] | None = None) -> Reads:
        """Return the values that *boxes* read from outside; those from the boxes *before* them by leaf number."""
        leaves = self._leaves(boxes)
        inside = set(leaves)
        previous = {leaf: number for number, leaf in enumerate(self._leaves(before))} if before is not None else {}
        found: Reads = {}
        for number, leaf in enumerate(leaves):
            for source in self.flow.predecessors(leaf):
                if source not in inside:
                    what = ("before", previous[source]) if source in previous else ("elsewhere", source)
                    found |= {(number, slot): what for slot in self.flow.edges[source, leaf]["slots"]}
        return found

    def _reads_alike(self, first: list[str], entry: Reads) -> bool:
        """Return whether the *first* period reads what the next one reads (*entry*).

        For each value that the next one reads from the first, the first reads one value from outside. In a pattern
        these must differ from each other: other folds inside of it are found by what its first period reads.
        """
        reads = self._reads(first)
        given: dict[int, tuple[str, Any]] = {}
        return (
            reads.keys() == entry.keys()
            and all(
                (given.setdefault(value, reads[number]) == reads[number])
                if origin == "before"
                else (reads[number][1] == value)
                for number, (origin, value) in entry.items()
            )
            and (len(first) == 1 or len(set(given.values())) == len(given))
        )

    def _leaves(self, boxes: list[str]) -> list[str]:
        found: list[str] = []
        for box in boxes:
            found += self._leaves(self.parts[box]) if box in self.parts else [box]
        return found

    def _fold(self, box: str, repetition: list[list[str]]) -> None:
        """Let the first period stand for the *repetition*: it feeds what the last one feeds."""
        first, *rest = repetition
        name = first[0] if len(first) == 1 else f"*{len(first)}{first[0]}"
        ours = self._leaves(first)
        gone = set()
        for number, period in enumerate(rest, 1):
            for stand_in, leaf in zip(ours, self._leaves(period), strict=True):
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
        self.parts[box][start : start + len(first) * len(repetition)] = [name]
        if len(first) > 1:
            self.parts[name] = first
        self.folded[name] = [block for period in repetition for block in period]
        self.repeats[name] = len(repetition)


__all__ = ["Carry", "Folded", "fold"]
