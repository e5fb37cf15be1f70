"""An order in which each thing follows what it needs, as near to the given one as that allows."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Sequence


def in_order(needs: Sequence[Collection[int]]) -> tuple[list[int], list[int]]:
    """Return the numbers of things in order, and of those that have none: they need each other in a circle.

    ``needs[k]`` are the distinct numbers of what the thing *k* needs.
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
