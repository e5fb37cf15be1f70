"""Topological order, as near to the given order as possible."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Sequence


def in_order(needs: Sequence[Collection[int]]) -> tuple[list[int], list[int]]:
    """Return the numbers of items in topological order, and those of items on or behind a cycle, which have none.

    ``needs[k]`` are the distinct numbers of the items that item *k* must follow.
    """
    users: dict[int, list[int]] = defaultdict(list)
    for index, sources in enumerate(needs):
        for source in sources:
            users[source].append(index)
    waiting = [len(sources) for sources in needs]
    ready = [index for index, count in enumerate(waiting) if not count]
    order: list[int] = []
    while ready:
        order.append(heapq.heappop(ready))
        for user in users[order[-1]]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, user)
    return order, [index for index, count in enumerate(waiting) if count]


__all__ = ["in_order"]
