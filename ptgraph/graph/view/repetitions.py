"""Repetitions that there may be among the parts of one box, found by the labels of the parts and by what they read.

A *member* is a part that may repeat: a call of a module, or an operation; it has a label. A *period* is a number of
members in a row, and a repetition has several periods in a row with equal labels. Not every pair of periods is tried:
those are that start with the same module, or with several members alike. So the work grows hardly faster than the
number of parts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import NamedTuple

_WINDOWS = (4, 16, 64)  # numbers of members by which a later start like this one is found
_NEAREST = 64  # starts with the same module that are tried
_STEPS = 100  # members that are compared one by one, for each part of the box


class Wiring(NamedTuple):
    """What a member reads, and how far it feeds.

    *reads* maps (number of a leaf in the member, slot) to the leaf that is read and the number of the member that it is
    in, or -1. *reach* is the number of the last member that it feeds; the number of parts, if it feeds anything else.
    """

    reads: dict[tuple[int, int], tuple[str, int]]
    reach: int


class Candidate(NamedTuple):
    """A repetition that there may be: the number of members in it, and in one period."""

    size: int
    period: int


class Candidates:
    """The repetitions that there may be among parts with these *labels*; a part without one (None) is no member.

    *is_module* says of each part whether it is a module. *wirings* makes the wiring of each part: it is called only
    if something may repeat. Without *patterns*, a period is a single module.
    """

    def __init__(
        self,
        labels: list[Hashable],
        is_module: list[bool],
        wirings: Callable[[], list[Wiring]],
        patterns: bool,
    ) -> None:
        numbers: dict[Hashable, int] = {}
        self.labels = [None if label is None else numbers.setdefault(label, len(numbers)) for label in labels]
        self.is_module = is_module
        self.patterns = patterns
        self._steps = _STEPS * len(labels) + 10_000
        self._runs: dict[tuple[str, int], tuple[int, int]] = {}  # what was found last: alike from … to, excluded
        self._modules: dict[int, list[int]] = defaultdict(list)
        for number, label in enumerate(self.labels):
            if is_module[number] and label is not None:
                self._modules[label].append(number)
        self._later = _later_starts(self.labels) if patterns else []
        is_hopeless = not any(self._later) and all(len(alike) == 1 for alike in self._modules.values())
        self.wirings = [] if is_hopeless else wirings()  # as they are before anything is folded

    def at(self, start: int) -> list[Candidate]:
        """Return what may start at part *start*, the biggest first, of equal ones the one with the shortest period."""
        found = []
        for period in self._distances(start):
            end = self._end(start, period)
            if end - start >= period:
                found.append(Candidate((end - start) // period * period + period, period))
        return sorted(found, key=lambda candidate: (-candidate.size, candidate.period))

    def shifts(self, start: int, period: int, count: int) -> list[int]:
        """Return by how many parts a repetition with *count* periods may start later and be the best of them.

        The best periods hand on the fewest values to the next.
        """
        room = self._end(start, period) + period - start - count * period
        last: dict[str, tuple[int, int]] = {}  # a value → the members that make it, and that read it last
        for number in range(start + period, min(start + 3 * period, len(self.labels))):
            if self.labels[number] is not None:
                for source, home in self.wirings[number].reads.values():
                    if home >= start:
                        last[source] = home, number
        changes = [0] * (3 * period + 1)
        for home, number in last.values():
            changes[home + 1 - start] += 1
            changes[number + 1 - start] -= 1
        crossing = [0]
        for change in changes:
            crossing.append(crossing[-1] + change)
        costs = [crossing[period + shift + 1] for shift in range(min(period - 1, max(room, 0)) + 1)]
        return [shift for shift, cost in enumerate(costs) if cost == min(costs)]

    def _distances(self, start: int) -> list[int]:
        """Return the periods that a repetition from *start* may have."""
        label, longest = self.labels[start], (len(self.labels) - start) // 2
        if label is None or not longest:
            return []
        if not self.patterns:
            return [1] if self.is_module[start] else []
        found = {after[start] - start for after in self._later if start in after}
        if self.is_module[start]:
            alike = self._modules[label]
            next_ = bisect_right(alike, start)
            found.update(later - start for later in alike[next_ : next_ + _NEAREST])
        return [period for period in found if period <= longest]

    def _end(self, start: int, period: int) -> int:
        """Return up to which member each is like the one a *period* later, if the first period starts at *start*."""
        if self._run("label", start, period) - start < period:
            return start
        may_be_steps = any(self.is_module[start : start + period])  # of which the last but one feeds anything
        for number in range(start, start + period):
            self._steps -= 1
            feeds_more = self.wirings[number].reach >= start + 2 * period
            if self._steps < 0 or (feeds_more and not may_be_steps):
                return start
            if not self._wired_alike(number, number + period, start):
                return start
        return min(self._run("label", start + period, period), self._run("wiring", start + period, period))

    def _run(self, what: str, start: int, period: int) -> int:
        """Return up to which member, from *start* on, each has the label or wiring of the one a *period* later."""
        begin, end = self._runs.get((what, period), (0, 0))
        if not begin <= start < end:
            begin, end = start, start
            while end + period < len(self.labels) and self._alike(what, end, end + period):
                end += 1
            self._runs[what, period] = begin, end
        return end

    def _alike(self, what: str, here: int, after: int) -> bool:
        label = self.labels[here]
        if label is None or label != self.labels[after]:
            return False
        return what == "label" or self._wired_alike(here, after, None)

    def _wired_alike(self, here: int, after: int, start: int | None) -> bool:
        """Return whether two members read alike, that are the same one of two periods in a row.

        What the first period reads, the one from *start*, may be from anywhere where the next reads it from the first.
        """
        reads, again = self.wirings[here].reads, self.wirings[after].reads
        period = after - here
        return reads.keys() == again.keys() and all(
            source == other  # from elsewhere
            or (at >= 0 and home - at == period)  # from the same period, or the one before
            or (start is not None and at < start <= home < start + period)  # into the first period
            for (source, at), (other, home) in ((reads[where], again[where]) for where in reads)
        )


def _later_starts(labels: list[int | None]) -> list[dict[int, int]]:
    """Return for each size of windows the next start of a window like the one at a start, where there is one."""
    found = []
    numbers = labels
    size = 1
    for window in _WINDOWS:
        step, size = size, window
        known: dict[tuple[int | None, ...], tuple[int, int]] = {}  # its number, and the start seen last
        later: dict[int, int] = {}
        windows: list[int | None] = [None] * len(labels)
        for start in range(len(labels) - size, -1, -1):
            inside = tuple(numbers[start : start + size : step])
            if None in inside:
                continue
            number, after = known.get(inside, (len(known), -1))
            windows[start] = number
            if after >= 0:
                later[start] = after
            known[inside] = number, start
        found.append(later)
        numbers = windows
    return found


__all__ = ["Candidate", "Candidates", "Wiring"]
