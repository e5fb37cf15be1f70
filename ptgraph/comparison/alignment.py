"""Alignment of the parts of two boxes: the pairs in order whose similarity has the highest sum, and moved parts."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ptgraph.comparison.features import Part

# The similarity of two parts. Structure counts before names, and a name decides between those of equal structure.
EXACT, FORM, WORK, LABEL, NAMED_ALIKE = 100, 70, 50, 25, 15
NAME = 10  # on top, if both have it
CONTENT = 30  # at most, for modules of another form that have parts in common
PORT = (100, 60, 20)  # an input or output: the same, the same name, another name

CELLS = 9_000_000  # of one table of alignment; longer lists are cut at parts that are the same and unique in both
_CONTENTS = 4096  # pairs of distinct contents that are compared; beyond, contents do not count

Match = tuple[int, int]  # the numbers of a part in either list


def match(a: Sequence[Part], b: Sequence[Part]) -> tuple[list[Match], list[Match]]:
    """Return the pairs of *a* and *b* that are aligned, in order, and those that have moved."""
    aligned = _align(a, b, 0, len(a), 0, len(b))
    return aligned, _moved(a, b, aligned)


def _align(a: Sequence[Part], b: Sequence[Part], i: int, m: int, j: int, n: int) -> list[Match]:
    """Align ``a[i:m]`` and ``b[j:n]``; equal heads and tails need no table."""
    heads, tails = [], []
    while i < m and j < n and _same(a[i], b[j]):
        heads.append((i, j))
        i, j = i + 1, j + 1
    while i < m and j < n and _same(a[m - 1], b[n - 1]):
        m, n = m - 1, n - 1
        tails.append((m, n))
    return [*heads, *_between(a, b, i, m, j, n), *reversed(tails)]


def _between(a: Sequence[Part], b: Sequence[Part], i: int, m: int, j: int, n: int) -> list[Match]:
    if i == m or j == n:
        return []
    if (m - i) * (n - j) <= CELLS:
        return [(i + x, j + y) for x, y in _table(a[i:m], b[j:n])]
    cuts = [cut for cut in _anchors(a, b, i, m, j, n) if cut != (i, j)] or [((i + m) // 2, (j + n) // 2)]
    found: list[Match] = []
    for x, y in [*cuts, (m, n)]:
        found += _align(a, b, i, x, j, y)
        i, j = x, y
    return found


def _same(x: Part, y: Part) -> bool:
    return x.exact == y.exact and x.name == y.name


def _anchors(a: Sequence[Part], b: Sequence[Part], i: int, m: int, j: int, n: int) -> list[Match]:
    """Return the pairs of parts that are the same and unique in both lists: the longest list in the same order."""
    ours, theirs = Counter(x.exact for x in a[i:m]), Counter(y.exact for y in b[j:n])
    at = {b[y].exact: y for y in range(j, n)}
    once = [(x, at[a[x].exact]) for x in range(i, m) if ours[a[x].exact] == theirs[a[x].exact] == 1]
    ends: list[int] = []  # the smallest end of a rising list of each length, and which pair it is
    last: list[int] = []
    before: list[int] = []
    for index, (_, y) in enumerate(once):
        length = bisect_left(ends, y)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1], last[length : length + 1] = [y], [index]
    found, index = [], last[-1] if last else -1
    while index >= 0:
        found.append(once[index])
        index = before[index]
    return found[::-1]


def _table(a: Sequence[Part], b: Sequence[Part]) -> list[Match]:
    """Return the alignment whose similarities have the highest sum; of equal sums, that with the earliest pairs."""
    similar = _Similarity(a, b)
    best = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int32)
    for i in range(len(a)):
        row = similar.row(i)
        with_this = np.where(row > 0, best[i, :-1] + row, 0)
        np.maximum.accumulate(np.maximum(best[i, 1:], with_this), out=best[i + 1, 1:])
    found, i, j = [], len(a), len(b)
    while i and j and best[i, j]:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            found.append((i, j))
    return found[::-1]


class _Similarity:
    """The similarity of the parts of two lists, a row at a time."""

    def __init__(self, a: Sequence[Part], b: Sequence[Part]) -> None:
        self.a = a
        self.names: dict[Any, int] = {"": -1}
        self.exact = np.array([y.exact for y in b])
        self.form = np.array([y.form for y in b])
        self.work = np.array([y.work for y in b])
        self.label = np.array([self._id((y.kind, y.label)) for y in b])
        self.name = np.array([self._id(y.name) for y in b])
        self.module = np.array([y.kind == "module" for y in b])
        self.kinds = {kind: np.array([y.kind == kind for y in b]) for kind in ("input", "output")}
        self.content = self._contents(a, b)
        self.inside = np.array([self.content[1].get(y.inside, -1) for y in b])

    def _id(self, key: Any) -> int:
        return self.names.setdefault(key, len(self.names))

    def row(self, i: int) -> Any:
        """Return the similarity of part *i* of the first list to each of the second; 0 is none."""
        x = self.a[i]
        named = (self.name == self.names.get(x.name, -2)) if x.name else np.zeros(len(self.name), dtype=bool)
        exact = self.exact == x.exact
        if x.kind in self.kinds:
            port = np.where(named, np.where(exact, PORT[0], PORT[1]), PORT[2])
            return np.where(self.kinds[x.kind], port, 0)
        label = self.label == self.names.get((x.kind, x.label), -2)
        lower = np.where(self.work == x.work, WORK, np.where(label, LABEL, 0))
        if x.kind == "module":
            lower = np.where((lower == 0) & named & self.module, NAMED_ALIKE, lower)
            shares, _ = self.content
            if x.inside in shares:
                shared = np.append(shares[x.inside], 0)[self.inside] * self.module
                lower = np.where((lower > 0) | (shared > CONTENT // 2), lower + shared, 0)
        found = np.where(exact, EXACT, np.where(self.form == x.form, FORM, lower))
        return np.where(found > 0, found + NAME * named, 0)

    @staticmethod
    def _contents(a: Sequence[Part], b: Sequence[Part]) -> tuple[dict[Any, Any], dict[Any, int]]:
        """Return for each content on the left its share with every one on the right, and the numbers of those."""
        left = {x.inside: Counter(x.inside) for x in a if x.inside}
        right = {y.inside: Counter(y.inside) for y in b if y.inside}
        if len(left) * len(right) > _CONTENTS:
            return {}, {}
        shares = {
            inside: np.array(
                [2 * CONTENT * (ours & n).total() // (ours.total() + n.total()) for n in right.values()], int
            )
            for inside, ours in left.items()
        }
        return shares, {inside: index for index, inside in enumerate(right)}


def _moved(a: Sequence[Part], b: Sequence[Part], aligned: list[Match]) -> list[Match]:
    """Pair parts that were not aligned: modules by name and class, in order, operations if they are equal and alone."""
    left, right = {i for i, _ in aligned}, {j for _, j in aligned}
    ours: dict[Any, list[int]] = defaultdict(list)
    theirs: dict[Any, list[int]] = defaultdict(list)
    for items, gone, found in ((a, left, ours), (b, right, theirs)):
        for index, item in enumerate(items):
            if index not in gone:
                found[(item.kind, item.label, item.name) if item.name else ("op", item.exact)].append(index)
    pairs: list[Match] = []
    for key, here in ours.items():
        there = theirs.get(key, [])
        if key[0] != "op" or len(here) == len(there) == 1:
            pairs += zip(here, there, strict=False)
    return sorted(pairs)


__all__ = ["Match", "match"]
