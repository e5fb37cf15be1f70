"""Periods: whether boxes in a row repeat, so that the first of them can stand for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Hashable, Mapping
from itertools import pairwise
from typing import Any

import networkx as nx

from ptgraph.graph.traversal import edges_into
from ptgraph.graph.view.patterns import Patterns

_COLLECTED = 3  # values that an operation reads which collects one of each period

# The values that boxes read from outside: (number of the leaf that reads, slot) → ("before", number of a leaf in the
# period before) or ("elsewhere", leaf).
Reads = dict[tuple[int, int], tuple[str, Any]]
# What collects values of a period: (number of the leaf, the leaf that reads it, or the empty string for an output).
Collecting = list[tuple[int, str]]


class Periods:
    """Compares periods: boxes in a row.

    *parts* are the boxes inside of each, *flow* the edges between leaves, *labels* are equal for boxes and leaves that
    are, and *order* is the one of execution.

    With *patterns*, the last period may lack what nobody reads in it, and each may feed an output of its own, and an
    operation that collects a value of each, such as a stack. Of steps of a loop, which call the same modules, the last
    but one may feed anything: that is what the last step started from.
    """

    def __init__(
        self,
        parts: dict[str, list[str]],
        flow: nx.DiGraph[str],
        labels: Mapping[str, Hashable],
        order: Mapping[str, int],
        patterns: Patterns | None,
    ) -> None:
        self.parts = parts
        self.flow = flow
        self.succ = dict(flow.adjacency())  # quicker than `flow.succ`, and alive as that is
        self.pred = edges_into(flow)
        self.operators = {leaf: node["target"] for leaf, node in flow.nodes(data=True)}
        self.labels = labels
        self.order = order
        self.patterns = patterns
        self.constants = patterns.constants if patterns is not None else {}
        self.outputs = patterns.outputs if patterns is not None else ()

    def repetition(self, parts: list[str], start: int, period: int) -> list[list[str]]:
        """Return the longest repetition from *start* of periods with *period* blocks each.

        Each period feeds the next, and nothing else but what collects a value of each; but for that, all read the same
        values at the same leaf and slot.
        """
        periods = [parts[at : at + period] for at in range(start, len(parts) - period + 1, period)]
        found = periods[:1]
        reads: Reads | None = None
        collecting: Collecting | None = None
        for here, after in pairwise(periods):
            if not self._are_equal(here, after):
                break
            collected = self._collecting(here, after)
            if collected is not None and collecting in (None, collected):
                collecting = collected
                is_last = False
            elif self._are_steps(here, after, least=1 if len(found) > 1 else 2):
                is_last = True
            else:
                break
            entry = self._entry(self.reads(after, here))
            if reads is None and not self._reads_alike(here, entry):
                break
            if reads is not None and reads != entry:
                break
            reads = entry
            found.append(after)
            if is_last:
                return found
        if self.patterns and reads is not None and len(found) < len(periods):
            last = periods[len(found)]
            feeds_alike = self._fed(found[-1], {*self.leaves(last)}) == collecting
            if feeds_alike and self._lacks_only_what_nobody_reads(found[0], found[-1], last, reads):
                found.append(last)
        if len(found) > 1 and not self._hands_on_all(found[-2], found[-1]):
            found.pop()
        if len(found) == 2 and collecting and not self._feeds({*collecting}, found[1]):
            found.pop()  # what only one of two feeds collects nothing
        return found

    def _hands_on_all(self, before: list[str], last: list[str]) -> bool:
        """Return whether something reads all in the *last* period that it would hand on if it were not the last.

        Else a picture of one period would end a way that goes on in all others.
        """
        inside = {*self.leaves(before)}
        twins = {one: leaf for leaf, one in self.counterparts(before, last).items()}
        handed = [leaf for leaf in inside if not inside.issuperset(self.succ[leaf])]
        return all(leaf in twins and self.succ[twins[leaf]] for leaf in handed)

    def _lacks_only_what_nobody_reads(self, first: list[str], before: list[str], last: list[str], reads: Reads) -> bool:
        """Return whether *last* may be the last period though it has less than the others: nothing reads that in it.

        Whatever it has is in the others, too, reads the same there, and feeds the same within the period. *reads* is
        what periods read from outside.
        """
        pairs = self.counterparts(first, last)
        inside = set(self.leaves(last))
        if len(pairs) != len(inside):
            return False
        number = _numbered(self.leaves(first))
        of = {leaf: number[stand_in] for leaf, stand_in in pairs.items()}  # the number of its counterpart in the first
        kept = set(of.values())
        edges = {ends: slots for ends, slots in self._edges(number).items() if ends[1] in kept}
        entry = {where: what for where, what in reads.items() if where[0] in kept}
        return self._edges(of) == edges and self._entry(self._read_by(of, before)) == entry

    def counterparts(self, first: list[str], period: list[str]) -> dict[str, str]:
        """Return for each leaf of a *period* the one of the *first* that it is equal to, one by one, in their order.

        A module that has less inside than that of the first has counterparts for what it has.
        """
        found: dict[str, str] = {}
        for one, other in zip(first, period, strict=True):
            if one in self.labels and self.labels[one] == self.labels.get(other):
                found |= dict(zip(self.leaves([other]), self.leaves([one]), strict=True))
            elif one in self.parts and other in self.parts:
                found |= self._within(one, other)
        return found

    def _within(self, one: str, other: str) -> dict[str, str]:
        """Return the counterparts in the box *one* of the leaves in *other*, whose parts are some of those of *one*."""
        found: dict[str, str] = {}
        candidates = iter(self.parts[one])
        for part in self.parts[other]:
            tail = part.removeprefix(other)
            for candidate in candidates:
                if part in self.parts and candidate in self.parts and candidate.removeprefix(one) == tail:
                    found |= self.counterparts([candidate], [part])
                    break
                if part in self.labels and self.labels[part] == self.labels.get(candidate):
                    found[part] = candidate
                    break
        return found

    def _are_equal(self, here: list[str], after: list[str]) -> bool:
        """Return whether the blocks of two periods are equal one by one, and feed each other alike."""
        return all(
            one in self.labels and self.labels[one] == self.labels.get(other)
            for one, other in zip(here, after, strict=True)
        ) and (
            len(here) == 1 or self._edges(_numbered(self.leaves(here))) == self._edges(_numbered(self.leaves(after)))
        )

    def _edges(self, number: Mapping[str, int]) -> dict[tuple[int, int], list[int]]:
        """Return the slots of each edge between leaves, by their *number*."""
        return {
            (number[leaf], number[target]): edge["slots"]
            for leaf in number
            for target, edge in self.succ[leaf].items()
            if target in number
        }

    def _collecting(self, here: list[str], after: list[str]) -> Collecting | None:
        """Return what collects a value of the period *here*; None if it feeds anything else but the next, or not that.

        It is also None if the operations in the two periods have different orders.
        """
        ours, following = self.leaves(here), self.leaves(after)
        if self._ranks(ours) != self._ranks(following):
            return None
        return self._fed(here, set(following))

    def _are_steps(self, here: list[str], after: list[str], least: int) -> bool:
        """Return whether two periods are steps of a loop, and the first feeds the second.

        Both call the same modules, and *least* times. The stages of one step, such as those of Runge-Kutta, call one.
        """
        modules = self.patterns.modules if self.patterns is not None else {}
        calls = [modules[part] for part in here if part in modules]
        if len(calls) < least or calls != [modules[part] for part in after if part in modules]:
            return False
        ours, following = self.leaves(here), set(self.leaves(after))
        feeds_next = any(target in following for _, target in self._targets(here))
        return feeds_next and self._ranks(ours) == self._ranks(self.leaves(after))

    def _fed(self, here: list[str], following: Container[str]) -> Collecting | None:
        """Return what collects a value of the period *here*, which feeds leaves *following*, and nothing else."""
        targets = self._targets(here)
        beyond = [(at, target) for at, target in targets if target not in following]
        if len(beyond) == len(targets) or not all(self.collects(target) for _, target in beyond):
            return None
        return [(at, "" if target in self.outputs else target) for at, target in beyond]

    def _feeds(self, collecting: set[tuple[int, str]], period: list[str]) -> bool:
        """Return whether a *period* feeds what is *collecting* values of others."""
        return collecting <= {(at, "" if one in self.outputs else one) for at, one in self._targets(period)}

    def _targets(self, boxes: list[str]) -> list[tuple[int, str]]:
        """Return what *boxes* feed: the number of the leaf that does, and the leaf that reads it."""
        number = _numbered(self.leaves(boxes))
        return [(at, target) for leaf, at in number.items() for target in self.succ[leaf] if target not in number]

    def collects(self, leaf: str) -> bool:
        """Return whether a leaf may collect a value of each of several periods: it reads several, or is an output."""
        return self.patterns is not None and (leaf in self.outputs or len(self.pred[leaf]) >= _COLLECTED)

    def _ranks(self, leaves: list[str]) -> list[tuple[int, str]]:
        """Return the number of each leaf among them in order of execution, and its operator."""
        rank = {leaf: index for index, leaf in enumerate(sorted(leaves, key=self.order.__getitem__))}
        return [(rank[leaf], self.operators[leaf]) for leaf in leaves]

    def reads(self, boxes: list[str], before: list[str] | None = None) -> Reads:
        """Return the values that *boxes* read from outside; those from the boxes *before* them by leaf number."""
        return self._read_by(_numbered(self.leaves(boxes)), before)

    def _entry(self, reads: Reads) -> Reads:
        """Return *reads* with one name for constants that are alike."""
        return {where: (origin, self.constants.get(value, value)) for where, (origin, value) in reads.items()}

    def _read_by(self, number: Mapping[str, int], before: list[str] | None) -> Reads:
        """Return the values that leaves read from outside, by the *number* of the leaf."""
        previous = _numbered(self.leaves(before)) if before is not None else {}
        found: Reads = {}
        for leaf, at in number.items():
            for source, edge in self.pred[leaf].items():
                if source not in number:
                    what = ("before", previous[source]) if source in previous else ("elsewhere", source)
                    found |= {(at, slot): what for slot in edge["slots"]}
        return found

    def _reads_alike(self, first: list[str], entry: Reads) -> bool:
        """Return whether the *first* period reads what the next one reads (*entry*).

        For each value that the next one reads from the first, the first reads one value from outside. In a pattern
        these must differ from each other, or be read by the same leaves: other folds inside of it are found by what its
        first period reads.
        """
        reads = self.reads(first)
        if reads.keys() != entry.keys():
            return False
        given: dict[int, Any] = {}
        readers: dict[int, set[int]] = defaultdict(set)
        for where, (origin, value) in entry.items():
            source = reads[where][1]
            if origin == "before":
                readers[value].add(where[0])
                if given.setdefault(value, source) != source:
                    return False
            elif self.constants.get(source, source) != value:
                return False
        apart = {(source, frozenset(readers[value])) for value, source in given.items()}
        return len(first) == 1 or len({source for source, _ in apart}) == len(apart)

    def leaves(self, boxes: list[str]) -> list[str]:
        found: list[str] = []
        for box in boxes:
            found += self.leaves(self.parts[box]) if box in self.parts else [box]
        return found


def _numbered(leaves: list[str]) -> dict[str, int]:
    return {leaf: number for number, leaf in enumerate(leaves)}


__all__ = ["Periods", "Reads"]
