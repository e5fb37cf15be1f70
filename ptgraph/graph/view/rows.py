"""Rows: the repetitions in a row among the parts of one box."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import takewhile

import networkx as nx

from ptgraph.graph.view.periods import Periods
from ptgraph.graph.view.repetitions import Candidates, Wiring

_MIXED = 8  # leaves in a period of modules and operations that is a repetition with two periods already
_LONG = 6  # operations in a period without modules of which two are a repetition, if it reads weights
_FEWEST = 3  # operations in a period without modules
_SHIFTS = 8  # later starts of a repetition that are tried


class Rows:
    """Finds repetitions among parts of boxes.

    *parts* are the boxes inside of each, *flow* the edges between leaves, *labels* are equal for boxes and leaves that
    are, and *periods* compares them. *weighted* says whether a leaf reads weights; without it, only single blocks
    repeat.
    """

    def __init__(
        self,
        parts: Mapping[str, list[str]],
        flow: nx.DiGraph[str],
        labels: Mapping[str, Hashable],
        periods: Periods,
        weighted: Callable[[str], bool] | None,
    ) -> None:
        self.parts = parts
        self.flow = flow
        self.labels = labels
        self.periods = periods
        self.weighted = weighted

    def among(self, parts: list[str]) -> Iterator[tuple[list[str], list[list[str]]]]:
        """Yield the repetitions among *parts*, each after the parts before it; a part alone is one with one period.

        What is yielded may be folded before the next one is found.
        """
        candidates = self._candidates(parts)
        start = 0
        while start < len(parts):
            shift, repetition = self._best(parts, start, candidates)
            yield parts[start : start + shift], repetition
            start += shift + len(repetition) * len(repetition[0])

    def _candidates(self, parts: list[str]) -> Candidates:
        """Return what may repeat among *parts*, by which most repetitions that cannot be are ruled out."""
        single = self.weighted is None
        labels = [None if single and part not in self.parts else self.labels.get(part) for part in parts]
        numbers = {
            leaf: number
            for number, part in enumerate(parts)
            if labels[number] is not None
            for leaf in self.periods.leaves([part])
        }

        def wirings() -> list[Wiring]:
            return [self._wiring(part, numbers, number, len(parts)) for number, part in enumerate(parts)]

        return Candidates(labels, [part in self.parts for part in parts], wirings, self.weighted is not None)

    def _wiring(self, part: str, numbers: dict[str, int], number: int, beyond: int) -> Wiring:
        leaves = self.periods.leaves([part])
        targets = {t for leaf in leaves for t in self.periods.succ[leaf] if not self.periods.collects(t)}
        reads = {
            where: (self.periods.constants.get(source, source), numbers.get(source, -1))
            for where, (_, source) in self.periods.reads([part]).items()
        }
        return Wiring(reads, max((numbers.get(target, beyond) for target in targets), default=number))

    def _best(self, parts: list[str], start: int, candidates: Candidates) -> tuple[int, list[list[str]]]:
        """Return the repetition at *start* with the most members, of those the one with the shortest period.

        A pattern may start later within its first period: the number is by how many parts. It does where its periods
        hand on fewer values then, or have a module around each.
        """
        found, best, run = [parts[start : start + 1]], 0, 0
        for size, period in candidates.at(start):
            if size <= best:
                break
            if period < _FEWEST and not any(part in self.parts for part in parts[start : start + period]):
                continue  # it is never worth it, and would be found anew at each operation of a chain
            run = run or (self._run(parts, start) if period > 1 else 0)
            if 1 < period < run:
                continue  # blocks that are all alike do not alternate
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

    def _run(self, parts: list[str], start: int) -> int:
        """Return how many blocks from *start* on are one block, again and again."""
        label, following = self.labels.get(parts[start]), parts[start + 1 : start + 2]
        if label is None or [self.labels.get(part) for part in following] != [label]:
            return 1
        return len(self.periods.repetition(parts, start, 1))

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
        return self.weighted is not None and any(map(self.weighted, leaves))


def _have_modules_around(repetition: list[list[str]]) -> bool:
    """Return whether the modules in each period are in one of their own, such as ``layers.3``, by their ids."""
    around = set()
    for period in repetition:
        paths = [box.split(".") for box in period if box.startswith("/")]
        around.add(tuple(names[0] for names in takewhile(lambda names: len({*names}) == 1, zip(*paths, strict=False))))
    return len(around) == len(repetition)


__all__ = ["Rows"]
