"""How lines that shift aside in one gap keep apart: on tracks, one below the other, where they would meet on one."""

from __future__ import annotations

Shift = tuple[str, float]  # a value, and where across the flow it comes from
_APART = 3.0  # points between lines on one track
_SAME = 2.0  # points within which two lines would be one


def tracks(shifts: dict[Shift, list[float]]) -> dict[Shift, int]:
    """Return the track of each shift, the first being 0; *shifts* says where each leads to."""
    taken: list[list[tuple[float, float]]] = []
    found: dict[Shift, int] = {}
    for shift in _ordered(shifts):
        low, high = min(shift[1], *shifts[shift]), max(shift[1], *shifts[shift])
        meets = [any(low < end + _APART and begin < high + _APART for begin, end in track) for track in taken]
        track = meets.index(False) if False in meets else len(taken)
        taken += [[]] * (track == len(taken))
        taken[track] = [*taken[track], (low, high)]
        found[shift] = track
    return found


def _ordered(shifts: dict[Shift, list[float]]) -> list[Shift]:
    """Return the shifts, the short ones first, and one that comes from where another leads to before that."""
    waiting = sorted(shifts, key=lambda shift: (max(abs(end - shift[1]) for end in shifts[shift]), shift[1]))
    found: list[Shift] = []
    while waiting:
        starts = {shift: shift[1] for shift in waiting}
        free = (shift for shift in waiting if not _leads_to(shifts[shift], [starts[o] for o in waiting if o != shift]))
        found.append(next(free, waiting[0]))
        waiting.remove(found[-1])
    return found


def _leads_to(ends: list[float], starts: list[float]) -> bool:
    return any(abs(end - start) < _SAME for end in ends for start in starts)


__all__ = ["Shift", "tracks"]
