"""Parallel blocks: modules of one list, or calls of one module, that are equal and do not read each other.

Such are eight experts in a loop, the heads of an attention that are modules, an encoder that is called on two images,
and a head that is called on four scales. What only one of them reads or feeds belongs to it: the gate of an expert, and
the ⊗. What they yield meets in one operation, or goes to outputs: else they are steps of their own, such as q, k and v.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx

FEWEST = 3  # modules of one list that are drawn as one; calls of one module are from two on
_STEPS = 8  # operations between a block and where the blocks meet

Periods = list[list[str]]


@dataclass(frozen=True)
class Parallels:
    """Finds the parallel blocks among the parts of one box.

    *parts* are in order of execution, *leaves* are those in each of them, *modules* maps the parts that are modules
    with parameters to their paths, and *label* gives equal labels to parts that may stand for each other. *flow* has
    the edges between leaves, *rank* the order of execution, and *sums* maps additions in a row to the last of them.
    *outputs* are those of the model.
    """

    parts: list[str]
    leaves: dict[str, list[str]]
    modules: Mapping[str, str]
    label: Callable[[str], Hashable]
    flow: nx.DiGraph[str]
    rank: Mapping[str, int]
    sums: Mapping[str, str]
    outputs: Container[str]

    def found(self) -> list[Periods]:
        """Return the parallel blocks: for each, its periods, which are parts that belong together."""
        part_of = {leaf: part for part in self.parts for leaf in self.leaves[part]}
        position = {part: number for number, part in enumerate(self.parts)}
        taken: set[str] = set()
        found = []
        for members in self._groups():
            if taken.isdisjoint(members) and self._are_independent(members):
                periods = self._grown(members, part_of)
                if self._meet(periods, part_of):
                    found.append([sorted(period, key=position.__getitem__) for period in periods])
                    taken.update(part for period in periods for part in period)
        return found

    def _groups(self) -> Iterator[list[str]]:
        """Yield the modules that may be parallel, in order of execution: calls of one, and equal ones of one list."""
        calls: dict[str, list[str]] = defaultdict(list)
        lists: dict[str, list[str]] = defaultdict(list)
        for part in self.parts:
            if part in self.modules:
                path = self.modules[part]
                calls[path].append(part)
                head, _, number = path.rpartition(".")
                if number.isdecimal():
                    lists[head].append(part)
        for members in calls.values():
            if len(members) > 1 and not self._feeds(*members[:2]) and len({self.label(part) for part in members}) == 1:
                yield members
        for members in lists.values():
            if len(members) >= FEWEST and not self._feeds(*members[:2]):
                alike: dict[Hashable, list[str]] = defaultdict(list)
                for part in members:
                    alike[self.label(part)].append(part)
                yield from (some for some in alike.values() if len(some) >= FEWEST)

    def _feeds(self, one: str, other: str) -> bool:
        """Return whether a part reads another, as most modules of a list do."""
        inside = set(self.leaves[other])
        return any(not inside.isdisjoint(self.flow.succ[leaf]) for leaf in self.leaves[one])

    def _are_independent(self, members: list[str]) -> bool:
        """Return whether no way leads from one of *members* to another."""
        latest = max(self.rank[leaf] for part in members for leaf in self.leaves[part])
        for part in members:
            others = {leaf for other in members if other != part for leaf in self.leaves[other]}
            waiting, seen = [*self.leaves[part]], {*self.leaves[part]}
            while waiting:
                for target in self.flow.succ[waiting.pop()]:
                    if target in others:
                        return False
                    if target not in seen and self.rank[target] < latest:
                        seen.add(target)
                        waiting.append(target)
        return True

    def _grown(self, members: list[str], part_of: dict[str, str]) -> Periods:
        """Return the periods around *members*: each with the parts that read only it, or that only it reads.

        A part joins if its counterpart joins every other period.
        """
        periods = [[member] for member in members]
        steps = ((self.flow.succ, self._reads_only), (self.flow.pred, self._is_read_by))
        more: list[str] | None = members
        while more:
            more = next((found for step in steps if (found := self._next(periods, part_of, *step))), None)
            for period, part in zip(periods, more or (), strict=bool(more)):
                period.append(part)
        return periods

    def _next(
        self,
        periods: Periods,
        part_of: dict[str, str],
        neighbours: Mapping[str, Mapping[str, Mapping[str, Any]]],
        belongs: Callable[[str, int, dict[str, int]], bool],
    ) -> list[str] | None:
        """Return one more part for each period, beside the same leaf of it and with equal labels, or None."""
        owner = {leaf: k for k, period in enumerate(periods) for part in period for leaf in self.leaves[part]}
        for at, part in enumerate(periods[0]):
            for number, leaf in enumerate(self.leaves[part]):
                for beside, edge in neighbours[leaf].items():
                    if beside in owner or not self._is_step(beside, part_of):
                        continue
                    wanted = edge["slots"], self.label(part_of[beside])
                    found = []
                    for k, period in enumerate(periods):
                        near = neighbours[self.leaves[period[at]][number]].items()
                        fitting = (
                            part_of[other]
                            for other, there in near
                            if other not in owner
                            and self._is_step(other, part_of)
                            and (there["slots"], self.label(part_of[other])) == wanted
                            and belongs(part_of[other], k, owner)
                        )
                        found.append(next(fitting, ""))
                    if all(found) and len(set(found)) == len(found):
                        return found
        return None

    def _is_step(self, leaf: str, part_of: dict[str, str]) -> bool:
        """Return whether the part that a leaf is in may belong to a period: it is here, and adds nothing to a sum."""
        return leaf in part_of and leaf not in self.sums and self.label(part_of[leaf]) is not None

    def _reads_only(self, part: str, number: int, owner: dict[str, int]) -> bool:
        sources = {source for leaf in self.leaves[part] for source in self.flow.pred[leaf]}
        return all(owner.get(source, number) == number for source in sources)

    def _is_read_by(self, part: str, number: int, owner: dict[str, int]) -> bool:
        targets = {target for leaf in self.leaves[part] for target in self.flow.succ[leaf]}
        return all(owner.get(target) == number for target in targets - {*self.leaves[part]})

    def _meet(self, periods: Periods, part_of: dict[str, str]) -> bool:
        """Return whether all that the periods yield meets in the same operations, or goes to outputs."""
        ends = [self._ends(period, part_of) for period in periods]
        meetings = set.intersection(*ends)
        return all(found and all(end in meetings or end in self.outputs for end in found) for found in ends)

    def _ends(self, period: list[str], part_of: dict[str, str]) -> set[str]:
        """Return what reads a period, past operations that read nothing else."""
        inside = {leaf for part in period for leaf in self.leaves[part]}
        waiting = [(target, 0) for leaf in inside for target in self.flow.succ[leaf] if target not in inside]
        found = set()
        while waiting:
            leaf, steps = waiting.pop()
            leaf = self.sums.get(leaf, leaf)
            part = part_of.get(leaf)
            is_alone = part is not None and self.leaves[part] == [leaf] and len(self.flow.pred[leaf]) == 1
            if is_alone and steps < _STEPS and self.flow.succ[leaf]:
                waiting += [(target, steps + 1) for target in self.flow.succ[leaf]]
            else:
                found.add(leaf)
        return found


def in_order(parts: list[str], leaves_of: Callable[[list[str]], list[str]], flow: nx.DiGraph[str]) -> list[str]:
    """Return *parts* in an order in which each comes after what it reads: as near to the one they have as may be.

    Where a part reads what it feeds, such as a group of operations on positions, the order stays as it is.
    """
    part_of = {leaf: part for part in parts for leaf in leaves_of([part])}
    order: nx.DiGraph[str] = nx.DiGraph()
    order.add_nodes_from(parts)
    order.add_edges_from(
        (part, part_of[target])
        for leaf, part in part_of.items()
        for target in flow.succ[leaf]
        if part_of.get(target, part) != part
    )
    position = {part: number for number, part in enumerate(parts)}
    if not nx.is_directed_acyclic_graph(order):
        return parts
    return list(nx.lexicographical_topological_sort(order, key=position.__getitem__))


__all__ = ["FEWEST", "Parallels", "Periods", "in_order"]
