"""Folding: equal blocks in a row become one, which stands for all of them, if each feeds only the next.

So do patterns of several that repeat: five layers with local attention and one with global, again and again; attention
and ⊕, feed-forward and ⊕; or forty operations of a file without modules. What repeats together is a *period*, a single
block is a period of one, and periods in a row of which the first can stand for all are a *repetition*.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

import networkx as nx

from ptgraph.graph.view.flow import feed
from ptgraph.graph.view.parallel import Parallels, in_order
from ptgraph.graph.view.periods import Periods
from ptgraph.graph.view.repetitions import Candidates, Wiring
from ptgraph.graph.view.sums import add_up

_MIXED = 8  # leaves in a period of modules and operations that is a repetition with two periods already
_LONG = 6  # operations in a period without modules of which two are a repetition, if it reads weights
_FEWEST = 3  # operations in a period without modules
_SHIFTS = 8  # later starts of a repetition that are tried

Edge = tuple[str, str, str, list[int]]  # source, target, label, slots


class Carry(NamedTuple):
    """A value that each period of a repetition feeds the next: from a leaf to a leaf, both of the first period."""

    source: str
    target: str
    label: str
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Patterns:
    """What is known of leaves and boxes, to fold more than single blocks in a row.

    *weighted* says whether a leaf reads weights. *modules* maps the boxes of modules with parameters to their paths,
    *loose* gives boxes and leaves that are alike but for the sizes of values the same label, *sums* maps additions in
    a row to the last of them, *zeros* are the leaves that yield zeros, and *outputs* those of the model.
    """

    weighted: Callable[[str], bool]
    modules: Mapping[str, str]
    loose: Callable[[str], Hashable]
    sums: Mapping[str, str]
    zeros: Container[str]
    outputs: Container[str]


@dataclass(frozen=True)
class Folded:
    """The folds by the box that stands for all: the first block, or for a pattern a box of its own around one period.

    ``blocks`` are the blocks and operations of each, period after period, and ``repeats`` the number of periods;
    ``carries`` is what one feeds the next: nothing if the periods are parallel. ``stands`` maps a leaf that was folded
    away to the leaf that stands for it, and the number of its period in each fold that it was in. ``sums`` are the
    additions that stand for several in a row.
    """

    blocks: dict[str, list[str]]
    repeats: dict[str, int]
    carries: dict[str, list[Carry]]
    stands: dict[str, tuple[str, dict[str, int]]]
    sums: set[str]


def fold(
    root: str,
    parts: dict[str, list[str]],
    flow: nx.DiGraph[str],
    labels: dict[str, Hashable],
    patterns: Patterns | None = None,
) -> Folded:
    """Fold the boxes inside of the box *root*, in place.

    *parts* are the boxes inside of each, *flow* the edges between leaves, and *labels* maps boxes and leaves to labels
    that equal ones share. Of each fold, all periods but the first leave *parts* and *flow*; that of a pattern moves
    into a box of its own. Without *patterns*, only single blocks in a row fold.
    """
    folding = _Folding(parts, flow, labels, patterns)
    folding.within(root)
    return folding.result()


class _Folding:
    def __init__(
        self,
        parts: dict[str, list[str]],
        flow: nx.DiGraph[str],
        labels: dict[str, Hashable],
        patterns: Patterns | None,
    ) -> None:
        self.parts = parts
        self.flow = flow
        self.labels = labels
        self.patterns = patterns
        self.order = {name: rank for rank, name in enumerate(flow)}
        self.outputs: Container[str] = patterns.outputs if patterns is not None else ()
        self.periods = Periods(parts, flow, labels, self.order, patterns is not None, self.outputs)
        self.folded: dict[str, list[str]] = {}
        self.repeats: dict[str, int] = {}
        self.carries: dict[str, list[Carry]] = {}
        self.sums: set[str] = set()
        self.joined: dict[str, list[Edge]] = {}  # what parallel blocks but the first read and feed, by their fold
        self.gone: dict[str, str] = {}  # a fold that was folded away itself → the one that stands for it
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
        return Folded(self.folded, self.repeats, carries, stands, self.sums)

    def _stand_in(self, leaf: str) -> tuple[str, dict[str, int]]:
        numbers: dict[str, int] = {}
        while leaf in self.stands:
            leaf, fold, number = self.stands[leaf]
            while fold in self.gone:
                fold = self.gone[fold]
            numbers[fold] = number
        return leaf, numbers

    def within(self, box: str) -> None:
        """Fold the repetitions among the parts of *box*, then those within what is left."""
        if self.patterns is not None:
            self._fold_parallel(box, self.patterns)
        left: list[str] = []
        for before, repetition in self._in_a_row(self.parts[box]):
            left += before
            left.append(self._fold(repetition) if len(repetition) > 1 else repetition[0][0])
        self.parts[box] = left
        for part in left:
            if part in self.parts:
                others = self._without(self.joined.get(part, []))
                self.within(part)
                for source, target, label, slots in others:
                    ends = [self._stand_in(end)[0] for end in (source, target)]
                    feed(self.flow, ends[0], ends[1], label, slots)

    def _in_a_row(self, parts: list[str]) -> Iterator[tuple[list[str], list[list[str]]]]:
        """Yield the repetitions among *parts*, each after the parts before it; a part alone is one with one period.

        What is yielded may be folded before the next one is found.
        """
        candidates = self._candidates(parts)
        start = 0
        while start < len(parts):
            shift, repetition = self._best(parts, start, candidates)
            yield parts[start : start + shift], repetition
            start += shift + len(repetition) * len(repetition[0])

    def _without(self, edges: list[Edge]) -> list[Edge]:
        """Take out *edges* of parallel blocks but the first, as what folds in the first is found by its own.

        Returns those that were there.
        """
        found = [edge for edge in edges if self.flow.has_edge(*edge[:2])]
        self.flow.remove_edges_from([edge[:2] for edge in found])
        return found

    def _candidates(self, parts: list[str]) -> Candidates:
        """Return what may repeat among *parts*, by which most repetitions that cannot be are ruled out."""
        single = self.patterns is None
        labels = [None if single and part not in self.parts else self.labels.get(part) for part in parts]
        numbers = {
            leaf: number
            for number, part in enumerate(parts)
            if labels[number] is not None
            for leaf in self.periods.leaves([part])
        }

        def wirings() -> list[Wiring]:
            return [self._wiring(part, numbers, number, len(parts)) for number, part in enumerate(parts)]

        return Candidates(labels, [part in self.parts for part in parts], wirings, self.patterns is not None)

    def _wiring(self, part: str, numbers: dict[str, int], number: int, beyond: int) -> Wiring:
        leaves = self.periods.leaves([part])
        targets = {target for leaf in leaves for target in self.flow.succ[leaf] if target not in self.outputs}
        reads = {where: (source, numbers.get(source, -1)) for where, (_, source) in self.periods.reads([part]).items()}
        return Wiring(reads, max((numbers.get(target, beyond) for target in targets), default=number))

    def _best(self, parts: list[str], start: int, candidates: Candidates) -> tuple[int, list[list[str]]]:
        """Return the repetition at *start* with the most members, of those the one with the shortest period.

        A pattern may start later within its first period: the number is by how many parts. It does where its periods
        hand on fewer values then, or have a module around each.
        """
        found, best = [parts[start : start + 1]], 0
        for size, period in candidates.at(start):
            if size <= best:
                break
            if period < _FEWEST and not any(part in self.parts for part in parts[start : start + period]):
                continue  # it is never worth it, and would be found anew at each operation of a chain
            repetition = self.periods.repetition(parts, start, period)
            if len(repetition) * period > best and self._is_worth_it(repetition):
                found, best = repetition, len(repetition) * period
        count, period = len(found), len(found[0])
        if period == 1:
            return 0, found
        shifts = candidates.shifts(start, period, count)[:_SHIFTS]
        shifted = [(shift, self.periods.repetition(parts, start + shift, period)) for shift in shifts]
        good = [(shift, repetition) for shift, repetition in shifted if len(repetition) == count]
        return next((one for one in good if _have_modules_around(one[1])), good[0] if good else (0, found))

    def _is_worth_it(self, repetition: list[list[str]]) -> bool:
        """Return whether a repetition says more than its parts: any of modules; of operations, not too small a one."""
        first, count = repetition[0], len(repetition)
        modules = sum(part in self.parts for part in first)
        if count == 1 or modules == len(first):
            return count > 1
        if modules:
            return count >= 3 or len(self.periods.leaves(first)) >= _MIXED
        return (count >= 3 and len(first) >= _FEWEST) or (len(first) >= _LONG and self._reads_weights(first))

    def _reads_weights(self, leaves: list[str]) -> bool:
        return self.patterns is not None and any(map(self.patterns.weighted, leaves))

    def _fold_parallel(self, box: str, patterns: Patterns) -> None:
        """Fold the parallel blocks among the parts of *box*: one reads and feeds what all of them do."""
        parts = self.parts[box]
        if not any(part in patterns.modules for part in parts):
            return
        leaves = {part: self.periods.leaves([part]) for part in parts}
        of, outputs = patterns, patterns.outputs
        found = Parallels(parts, leaves, of.modules, of.loose, self.flow, self.order, of.sums, outputs).found()
        for periods in self._not_in_a_row(parts, found, of.sums) if found else ():
            gone = {part for period in periods[1:] for part in period}
            inside = {leaf for period in periods for part in period for leaf in leaves[part]}
            last = add_up(self.flow, inside, of.sums, of.zeros)
            self.sums |= last.keys()
            gone.update(*last.values())
            name = self._join(periods)
            parts = [name if part == periods[0][0] else part for part in parts if part not in gone]
            parts = [part for part in parts if part == name or part not in periods[0]]
        self.parts[box] = in_order(parts, self.periods.leaves, self.flow) if found else parts

    def _not_in_a_row(
        self, parts: list[str], found: list[list[list[str]]], sums: Mapping[str, str]
    ) -> list[list[list[str]]]:
        """Return the parallel blocks that are not part of larger repetitions in a row, but for sums of what they yield.

        The skip connections of a chain of blocks are equal and parallel, but each belongs to its block.
        """
        in_a_row = [
            {part for period in repetition for part in period if part not in sums}
            for _, repetition in self._in_a_row(parts)
            if len(repetition) > 1
        ]
        members = [{part for period in periods for part in period} for periods in found]
        return [
            periods
            for periods, own in zip(found, members, strict=True)
            if all(row <= own or row.isdisjoint(own) for row in in_a_row)
        ]

    def _join(self, periods: list[list[str]]) -> str:
        """Let the first of parallel *periods* read and feed what they all do; return the box that stands for them."""
        first, *rest = periods
        name = self._named(periods)
        ours = self.periods.leaves(first)
        self.carries[name] = []
        self.joined[name] = []
        sizes = {leaf: self._sizes(leaf) for leaf in ours}
        for number, period in enumerate(rest, 1):
            stand_in = dict(zip(self.periods.leaves(period), ours, strict=True))
            self.stands |= {leaf: (one, name, number) for leaf, one in stand_in.items()}
            uneven = {one for leaf, one in stand_in.items() if self._sizes(leaf) != sizes[one]}
            edges = [*self.flow.in_edges(stand_in, data=True), *self.flow.out_edges(stand_in, data=True)]
            for source, target, edge in edges:
                ends = stand_in.get(source, source), stand_in.get(target, target)
                known = self.flow.get_edge_data(*ends)
                if known is None:
                    taken = [slot for one in self.flow.pred[ends[1]].values() for slot in one["slots"]]
                    slots = [slot + (max(taken) + 1 if target in stand_in else 0) for slot in edge["slots"]]
                    self.joined[name].append((*ends, edge["label"], slots))
                    self.flow.add_edge(*ends, label=edge["label"], slots=slots)
                elif source in stand_in:
                    slots = sorted({*known["slots"], *edge["slots"]}) if target not in stand_in else known["slots"]
                    self.flow.add_edge(*ends, label=known["label"], slots=slots)
            for edge in self.flow.edges(uneven):  # of values of several sizes, it says none
                self.flow.edges[edge]["label"] = ""
            self.flow.remove_nodes_from(stand_in)
        return name

    def _sizes(self, leaf: str) -> list[str]:
        """Return the shapes of what a leaf yields, once each."""
        return sorted({edge["label"] for edge in self.flow.succ[leaf].values()})

    def _named(self, periods: list[list[str]]) -> str:
        """Keep *periods* as a fold, and return its box: the first block, or one around the parts of the first."""
        first = periods[0]
        name = first[0] if len(first) == 1 else f"*{len(first)}{first[0]}"
        if len(first) > 1:
            self.parts[name] = first
        blocks = [block for period in periods for block in period]
        self.folded[name] = [one for block in blocks for one in self.folded.get(block, [block])]
        self.repeats[name] = len(periods)
        return name

    def _fold(self, repetition: list[list[str]]) -> str:
        """Let the first period stand for the *repetition*, and return its box: it feeds what the last one feeds.

        It feeds the outputs that any of them feeds, too.
        """
        first, *rest = repetition
        ours = self.periods.leaves(first)
        name = self._named(repetition)
        gone = set()
        for period in rest:
            self.gone |= {other: one for one, other in zip(first, period, strict=True) if other in self.folded}
        for number, period in enumerate(rest, 1):
            for leaf, stand_in in self.periods.counterparts(first, period).items():
                self.stands[leaf] = stand_in, name, number
                gone.add(leaf)
                for target, edge in list(self.flow.adj[leaf].items()):
                    if target in self.outputs:
                        feed(self.flow, stand_in, target, edge["label"], edge["slots"])
        self.carries[name] = [
            Carry(source, self.stands[target][0], edge["label"], tuple(edge["slots"]))
            for source in ours
            for target, edge in self.flow.adj[source].items()
            if target in gone
        ]
        for leaf, stand_in in self.periods.counterparts(first, rest[-1]).items():
            for target, edge in list(self.flow.adj[leaf].items()):
                if target not in gone:
                    feed(self.flow, stand_in, target, edge["label"], edge["slots"])
        self.flow.remove_nodes_from(gone)
        return name


def _have_modules_around(repetition: list[list[str]]) -> bool:
    """Return whether the modules in each period are in one of their own, such as ``layers.3``, by their ids."""
    around = set()
    for period in repetition:
        paths = [box.split(".") for box in period if box.startswith("/")]
        around.add(tuple(names[0] for names in takewhile(lambda names: len({*names}) == 1, zip(*paths, strict=False))))
    return len(around) == len(repetition)


__all__ = ["Carry", "Folded", "fold"]
