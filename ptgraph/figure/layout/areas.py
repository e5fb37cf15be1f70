"""Areas: how many positions a value has, by its shape, such as ``1×64×32×32``."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_SEQUENCE = 3  # the rank of a batch of sequences of vectors
_SIZES = re.compile(r"\d+(×\d+){2,}")


class Area(NamedTuple):
    """How many positions a value has with its channels second, *inner*, and with its channels last, *middle*."""

    rank: int
    inner: int
    middle: int

    def holds(self, other: Area) -> bool:
        """Return whether the *other* is of the same rank, and smaller; not a sequence that was only transposed."""
        is_transposed = self.rank == _SEQUENCE and self.middle == other.inner
        return self.rank == other.rank and self.inner > other.inner and not is_transposed


def area_of(shape: str | None) -> Area | None:
    """Return the area of a value of that *shape*; None for a vector, and where a size is unknown."""
    if not shape or not _SIZES.fullmatch(shape):
        return None
    sizes = [int(size) for size in shape.split("×")]
    return Area(len(sizes), math.prod(sizes[2:]), math.prod(sizes[1:-1]))


__all__ = ["Area", "area_of"]
