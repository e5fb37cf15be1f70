"""The rows of a grid: the resolution of each box, the finest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import networkx as nx

from ptgraph.figure.layout.areas import area_of
from ptgraph.graph.view.box_ids import stem

LEVELS = 3  # rows at least


def rows_of(
    order: Sequence[str],
    flow: nx.DiGraph[str],
    lines: Mapping[tuple[str, str], str],
    shapes: Mapping[str, str],
    least_rank: int,
) -> dict[str, range] | None:
    """Return the rows that each box takes, or None if too few have a resolution, or most values are of less rank."""
    given = _levels_given(order, flow, lines, shapes, least_rank)
    if len({level for levels in given.values() for level in levels}) < LEVELS:
        return None
    rows = {name: range(min(levels), min(levels) + 1) for name, levels in given.items() if len(levels) == 1}
    for name in order:
        readers = {rows[reader].start for reader in flow.succ[name] if reader in rows}
        if len(readers) >= LEVELS and name in rows and rows[name].start not in readers:
            rows[name] = range(min(readers), max(readers) + 1)  # it feeds each of them, and belongs to none
    waiting = [name for name in order if name not in rows]
    for _ in range(len(waiting) + 1):
        for name in waiting:
            if name not in rows:
                beside = _beside(name, flow, rows, given[name])
                if beside:
                    rows[name] = range(min(beside), max(beside) + 1)
    if len(rows) < len(order):
        return None
    rows |= _of_what_they_read(order, flow, rows)
    rows |= _of_what_they_join(order, flow, rows)
    used = {row: number for number, row in enumerate(sorted({row for taken in rows.values() for row in taken}))}
    return {name: range(used[taken.start], used[taken[-1]] + 1) for name, taken in rows.items()}


def _levels_given(
    order: Sequence[str],
    flow: nx.DiGraph[str],
    lines: Mapping[tuple[str, str], str],
    shapes: Mapping[str, str],
    least_rank: int,
) -> dict[str, set[int]]:
    """Return the levels of the values of each box, the finest being 0, of those values that have the usual rank.

    Without any if that is less than *least_rank*.
    """
    given = {name: {area_of(lines[name, reader]) for reader in flow.succ[name]} - {None} for name in order}
    for name in order:
        if not given[name]:
            given[name] = {area_of(shapes.get(name, ""))} - {None}
    ranks = Counter(area.rank for areas in given.values() for area in areas if area is not None)
    rank = max(ranks, key=lambda one: (ranks[one], one), default=0)
    if rank < least_rank:
        return {}
    areas = {name: {area.inner for area in found if area and area.rank == rank} for name, found in given.items()}
    known = sorted({area for found in areas.values() for area in found}, reverse=True)
    level = {area: number for number, area in enumerate(known)}
    return {name: {level[area] for area in found} for name, found in areas.items()}


def _of_what_they_join(order: Sequence[str], flow: nx.DiGraph[str], rows: Mapping[str, range]) -> dict[str, range]:
    """Return the rows of boxes that bring values of several to the finest of them: all of those."""
    found: dict[str, range] = {}
    for name in order:
        sources = [rows[source] for source in flow.pred[name]]
        tops = {source.start for source in sources if len(source) == 1}
        if len(tops) == len(sources) >= LEVELS and rows[name] == range(min(tops), min(tops) + 1):
            found[name] = range(min(tops), max(tops) + 1)
    return found


def _of_what_they_read(order: Sequence[str], flow: nx.DiGraph[str], rows: Mapping[str, range]) -> dict[str, range]:
    """Return the rows of boxes named alike that bring values of several resolutions to one: those of the values."""
    alike: dict[str, list[str]] = {}
    for name in order:
        if len(flow.pred[name]) == 1:
            alike.setdefault(stem(name), []).append(name)
    found: dict[str, range] = {}
    for names in alike.values():
        read = {name: rows[source] for name in names for source in flow.pred[name]}
        if len({rows[name] for name in names}) == 1 and len({*read.values()}) == len(names) >= LEVELS:
            found |= read
    return found


def _beside(name: str, flow: nx.DiGraph[str], rows: Mapping[str, range], own: set[int]) -> set[int]:
    """Return the rows of a box that has no resolution, or the several of *own*: those of its readers and sources."""
    readers = {rows[reader].start for reader in flow.succ[name] if reader in rows}
    sources = {rows[source].start for source in flow.pred[name] if source in rows}
    if len(own) > 1 or len(readers) > 1:
        return (own if len(own) > 1 else readers) | (sources if len(sources) > 1 else set())
    if readers:
        return readers
    return {min(sources)} if sources else set()


__all__ = ["LEVELS", "rows_of"]
