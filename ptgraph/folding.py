"""Equal blocks in a row fold to one: each feeds only the next, and the first can stand for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import networkx as nx


class Carry(NamedTuple):
    """What one block of a run feeds the next: from a leaf to a leaf, both those of the first block."""

    source: str
    target: str
    label: str
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Folded:
    """Runs of equal boxes, each by its first, which stands for all.

    ``runs`` are the boxes of each, ``carries`` what one block of it feeds the next. ``stands`` maps a leaf that was
    folded away to the leaf that stands for it, and its number in the run of each fold that it was in.
    """

    runs: dict[str, list[str]]
    carries: dict[str, list[Carry]]
    stands: dict[str, tuple[str, dict[str, int]]]


def fold(root: str, parts: dict[str, list[str]], flow: nx.DiGraph[str], blocks: dict[str, str]) -> Folded:
    """Fold what is inside of the box *root*.

    *parts* are the boxes inside of each, *flow* what feeds what (by a label and slots), and *blocks* says which boxes
    are equal. All boxes of a run but the first leave *parts* and *flow*.
    """
    folding = _Folding(parts, flow, blocks)
    folding.within(root)
    return folding.result()


def feed(flow: nx.DiGraph[str], source: str, target: str, label: str, slots: Iterable[int]) -> None:
    """Let *source* feed *target* at *slots* too; the first label stays."""
    before = flow.get_edge_data(source, target, {"label": label, "slots": []})
    flow.add_edge(source, target, label=before["label"], slots=sorted({*before["slots"], *slots}))


class _Folding:
    def __init__(self, parts: dict[str, list[str]], flow: nx.DiGraph[str], blocks: dict[str, str]) -> None:
        self.parts = parts
        self.flow = flow
        self.blocks = blocks
        self.order = {name: index for index, name in enumerate(flow)}
        self.folded: dict[str, list[str]] = {}
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
        return Folded(self.folded, carries, stands)

    def _stand_in(self, leaf: str) -> tuple[str, dict[str, int]]:
        numbers: dict[str, int] = {}
        while leaf in self.stands:
            leaf, fold, numbers[fold] = self.stands[leaf]
        return leaf, numbers

    def within(self, box: str) -> None:
        """Fold runs of equal blocks among the parts of *box*, then within what is left."""
        start = 0
        while start < len(self.parts[box]):
            run = self._run(self.parts[box], start)
            if len(run) > 1:
                self._fold(box, run)
            start += 1
        for part in self.parts[box]:
            if part in self.parts:
                self.within(part)

    def _run(self, parts: list[str], start: int) -> list[str]:
        """Return the longest run of equal blocks from *start* that one of them can stand for.

        Each feeds the next and nobody else, and all of them but for that read the same, each at the same places.
        """
        run = [parts[start]]
        if parts[start] not in self.blocks or parts[start] not in self.parts:
            return run
        wiring: dict[tuple[int, int], tuple[str, Any]] | None = None
        for here, after in pairwise(parts[start:]):
            if self.blocks.get(after) != self.blocks[here] or not self._feeds_only(here, after):
                break
            entry = self._reads(after, here)
            if wiring is None and not self._same_but_for(here, entry):
                break
            if wiring is not None and wiring != entry:
                break
            wiring = entry
            run.append(after)
        return run

    def _feeds_only(self, here: str, after: str) -> bool:
        ours, following = self._leaves(here), self._leaves(after)
        inside, next_ = set(ours), set(following)
        targets = {t for s in ours for t in self.flow.successors(s) if t not in inside}
        return bool(targets) and targets <= next_ and self._ranks(ours) == self._ranks(following)

    def _ranks(self, leaves: list[str]) -> list[tuple[int, str]]:
        """Return the place of each leaf among them in order of execution, and what it does."""
        rank = {leaf: index for index, leaf in enumerate(sorted(leaves, key=self.order.__getitem__))}
        return [(rank[leaf], self.flow.nodes[leaf]["target"]) for leaf in leaves]

    def _reads(self, box: str, before: str | None = None) -> dict[tuple[int, int], tuple[str, Any]]:
        """Map each place where *box* reads what it does not make, a leaf and its slot, to what that is.

        What the block *before* it makes is known by the place of the leaf in that.
        """
        leaves = self._leaves(box)
        inside = set(leaves)
        previous = {leaf: place for place, leaf in enumerate(self._leaves(before))} if before is not None else {}
        found: dict[tuple[int, int], tuple[str, Any]] = {}
        for place, leaf in enumerate(leaves):
            for source in self.flow.predecessors(leaf):
                if source not in inside:
                    what = ("before", previous[source]) if source in previous else ("elsewhere", source)
                    found |= {(place, slot): what for slot in self.flow.edges[source, leaf]["slots"]}
        return found

    def _same_but_for(self, first: str, entry: dict[tuple[int, int], tuple[str, Any]]) -> bool:
        """Return whether *first* reads what the next one reads (*entry*), with one value for each of its own."""
        reads = self._reads(first)
        given: dict[int, tuple[str, Any]] = {}
        return reads.keys() == entry.keys() and all(
            (given.setdefault(value, reads[place]) == reads[place])
            if origin == "before"
            else (reads[place][1] == value)
            for place, (origin, value) in entry.items()
        )

    def _leaves(self, box: str) -> list[str]:
        if box not in self.parts:
            return [box]
        return [leaf for part in self.parts[box] for leaf in self._leaves(part)]

    def _fold(self, box: str, run: list[str]) -> None:
        """Let the first block stand for the run; what the last one feeds, it feeds."""
        first, *rest = run
        ours = self._leaves(first)
        gone = set()
        for number, block in enumerate(rest, 1):
            for stand_in, leaf in zip(ours, self._leaves(block), strict=True):
                self.stands[leaf] = stand_in, first, number
                gone.add(leaf)
        self.carries[first] = [
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
        self.parts[box] = [part for part in self.parts[box] if part not in rest]
        self.folded[first] = run


__all__ = ["Carry", "Folded", "feed", "fold"]
