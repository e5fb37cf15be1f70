"""Channel routing: lines that jog across the flow in one gap get tracks, one below the other, so that none overlap."""

from __future__ import annotations

from typing import NamedTuple

_APART = 3.0  # points between lines on one track
_SAME = 2.0  # points within which two lines would be one


class Jog(NamedTuple):
    """A value that changes its position across the flow, from *start*."""

    value: str
    start: float


def assign_tracks(jogs: dict[Jog, list[float]]) -> dict[Jog, int]:
    """Return the track of each jog, the first being 0; *jogs* has the positions across the flow that each leads to."""
    taken: list[list[tuple[float, float]]] = []
    found: dict[Jog, int] = {}
    for jog in _ordered(jogs):
        low, high = min(jog.start, *jogs[jog]), max(jog.start, *jogs[jog])
        meets = [any(low < end + _APART and begin < high + _APART for begin, end in track) for track in taken]
        track = meets.index(False) if False in meets else len(taken)
        if track == len(taken):
            taken.append([])
        taken[track].append((low, high))
        found[jog] = track
    return found


def _ordered(jogs: dict[Jog, list[float]]) -> list[Jog]:
    """Return the jogs, the short ones first; one that starts where another ends comes before that other."""
    waiting = sorted(jogs, key=lambda jog: (max(abs(end - jog.start) for end in jogs[jog]), jog.start))
    found: list[Jog] = []
    while waiting:
        free = (jog for jog in waiting if not _leads_to(jogs[jog], [o.start for o in waiting if o != jog]))
        found.append(next(free, waiting[0]))
        waiting.remove(found[-1])
    return found


def _leads_to(ends: list[float], starts: list[float]) -> bool:
    return any(abs(end - start) < _SAME for end in ends for start in starts)


__all__ = ["Jog", "assign_tracks"]
