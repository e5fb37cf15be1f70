"""Periods: whether boxes in a row repeat, so that the first of them can stand for all."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping
from itertools import pairwise
from typing import Any

import networkx as nx

# The values that boxes read from outside: (number of the leaf that reads, slot) → ("before", number of a leaf in the
# period before) or ("elsewhere", leaf).
Reads = dict[tuple[int, int], tuple[str, Any]]


class Periods:
    """Compares periods: boxes in a row.

    *parts* are the boxes inside of each, *flow* the edges between leaves, *labels* are equal for boxes and leaves that
    are, and *order* is the one of execution. With *shorter*, the last period may lack what nobody reads in it.
    Periods may feed *outputs* of the model, each as many at the same leaf, but for the last of three or more.
    """

    def __init__(
        self,
        parts: dict[str, list[str]],
        flow: nx.DiGraph[str],
        labels: Mapping[str, Hashable],
        order: Mapping[str, int],
        shorter: bool,
        outputs: Container[str] = (),
    ) -> None:
        self.parts = parts
        self.flow = flow
        self.labels = labels
        self.order = order
        self.shorter = shorter
        self.outputs = outputs

    def repetition(self, parts: list[str], start: int, period: int) -> list[list[str]]:
        """Return the longest repetition from *start* of periods with *period* blocks each.

        Each period feeds the next and outputs; but for that, all read the same values at the same leaf and slot.
        """
        periods = [parts[at : at + period] for at in range(start, len(parts) - period + 1, period)]
        found = periods[:1]
        reads: Reads | None = None
        for here, after in pairwise(periods):
            if not self._are_equal(here, after) or not self._feeds_only(here, after):
                break
            if not self._feed_outputs_alike(found, after):
                break
            entry = self.reads(after, here)
            if reads is None and not self._reads_alike(here, entry):
                break
            if reads is not None and reads != entry:
                break
            reads = entry
            found.append(after)
        if self.shorter and reads is not None and len(found) < len(periods):
            last = periods[len(found)]
            alike = self._feed_outputs_alike(found, last)
            if alike and self._lacks_only_what_nobody_reads(found[0], found[-1], last, reads):
                found.append(last)
        if len(found) > 1 and not self._hands_on_all(found[-2], found[-1]):
            found.pop()
        return found

    def _hands_on_all(self, before: list[str], last: list[str]) -> bool:
        """Return whether something reads all in the *last* period that it would hand on if it were not the last.

        Else a picture of one period would end a way that goes on in all others.
        """
        inside = {*self.leaves(before)}
        twins = {one: leaf for leaf, one in self.counterparts(before, last).items()}
        handed = [leaf for leaf in inside if not inside.issuperset(self.flow.succ[leaf])]
        return all(leaf in twins and self.flow.succ[twins[leaf]] for leaf in handed)

    def _lacks_only_what_nobody_reads(self, first: list[str], before: list[str], last: list[str], reads: Reads) -> bool:
        """Return whether *last* may be the last period though it has less than the others: nothing reads that in it.

        Whatever it has is in the others, too, reads the same there, and feeds the same within the period. *reads* is
        what periods read from outside.
        """
        pairs = self.counterparts(first, last)
        inside = set(self.leaves(last))
        targets = self._targets(before) - {*self.leaves(before)}
        if len(pairs) != len(inside) or not targets or not targets <= inside:
            return False
        number = _numbered(self.leaves(first))
        of = {leaf: number[stand_in] for leaf, stand_in in pairs.items()}  # the number of its counterpart in the first
        kept = set(of.values())
        edges = {ends: slots for ends, slots in self._edges(number).items() if ends[1] in kept}
        entry = {where: what for where, what in reads.items() if where[0] in kept}
        return self._edges(of) == edges and self._read_by(of, before) == entry

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
            for target, edge in self.flow.adj[leaf].items()
            if target in number
        }

    def _feeds_only(self, here: list[str], after: list[str]) -> bool:
        ours, following = self.leaves(here), self.leaves(after)
        targets = self._targets(here) - {*ours}
        return bool(targets) and targets <= {*following} and self._ranks(ours) == self._ranks(following)

    def _feed_outputs_alike(self, found: list[list[str]], after: list[str]) -> bool:
        """Return whether what is *found* may go on with a period *after* it, by the outputs that each feeds."""
        first, last = self._outputs_of(found[0]), self._outputs_of(found[-1])
        if first != last:
            return False
        return len(found) > 1 or not any(first) or first == self._outputs_of(after)

    def _targets(self, boxes: list[str]) -> set[str]:
        """Return what reads *boxes*, but for outputs."""
        outputs = self.outputs
        return {target for leaf in self.leaves(boxes) for target in self.flow.succ[leaf] if target not in outputs}

    def _outputs_of(self, boxes: list[str]) -> list[int]:
        """Return how many outputs each leaf of *boxes* feeds."""
        outputs = self.outputs
        return [sum(target in outputs for target in self.flow.succ[leaf]) for leaf in self.leaves(boxes)]

    def _ranks(self, leaves: list[str]) -> list[tuple[int, str]]:
        """Return the number of each leaf among them in order of execution, and its operator."""
        rank = {leaf: index for index, leaf in enumerate(sorted(leaves, key=self.order.__getitem__))}
        return [(rank[leaf], self.flow.nodes[leaf]["target"]) for leaf in leaves]

    def reads(self, boxes: list[str], before: list[str] | None = None) -> Reads:
        """Return the values that *boxes* read from outside; those from the boxes *before* them by leaf number."""
        return self._read_by(_numbered(self.leaves(boxes)), before)

    def _read_by(self, number: Mapping[str, int], before: list[str] | None) -> Reads:
        """Return the values that leaves read from outside, by the *number* of the leaf."""
        previous = _numbered(self.leaves(before)) if before is not None else {}
        found: Reads = {}
        for leaf, at in number.items():
            for source in self.flow.predecessors(leaf):
                if source not in number:
                    what = ("before", previous[source]) if source in previous else ("elsewhere", source)
                    found |= {(at, slot): what for slot in self.flow.edges[source, leaf]["slots"]}
        return found

    def _reads_alike(self, first: list[str], entry: Reads) -> bool:
        """Return whether the *first* period reads what the next one reads (*entry*).

        For each value that the next one reads from the first, the first reads one value from outside. In a pattern
        these must differ from each other: other folds inside of it are found by what its first period reads.
        """
        reads = self.reads(first)
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

    def leaves(self, boxes: list[str]) -> list[str]:
        found: list[str] = []
        for box in boxes:
            found += self.leaves(self.parts[box]) if box in self.parts else [box]
        return found


def _numbered(leaves: list[str]) -> dict[str, int]:
    return {leaf: number for number, leaf in enumerate(leaves)}


__all__ = ["Periods", "Reads"]
