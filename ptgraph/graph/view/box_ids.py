"""Ids of boxes: one grammar, which `page/web/src/model/box_id.js` reads and writes, too.

    id      = base [ "~" numbers ]     a box; with numbers, what it is in other blocks of the folds around it
    numbers = [number] { "." [number] }   one for each fold, the outermost first; none for a fold that is not unfolded
    base    = "/"                      the model
            | "/" call                 a call of a module: its path, and "@1" after it for the second call
            | "#" base                 the operations on positions and masks in a box; the outputs in a group, the first
            | "*" count base           a pattern: the number of parts in a period, and the box of the first
            | operation                the name of an operation, an input or an output
    stub    = base "→" base            a value, and the box that reads it

In a call, "%", "~", "→" and surrogates without their other half are written as %25, %7E, %2192 and such as %D800. An
operation keeps its name: an id that is a base is that base, even if it looks like one with numbers. Examples for both
languages are in tests/support/box_ids.json.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_ESCAPES = str.maketrans({sign: f"%{ord(sign):X}" for sign in ["%", "~", "→", *map(chr, range(0xD800, 0xE000))]})


@lru_cache(maxsize=10_000)
def call_id(call: str) -> str:
    """Return the id of the box of a call of a module."""
    return "/" + call.translate(_ESCAPES)


def block_id(base: str, numbers: Sequence[int]) -> str:
    """Return the id of the box that *base* is in blocks with these *numbers*; in the first of each fold, *base*."""
    return f"{base}~{'.'.join(map(str, numbers))}" if any(numbers) else base


def stub_id(source: str, child: str) -> str:
    """Return the id of the stub of the value *source* at the box *child*."""
    return f"{source}→{child}"


def stem(id: str) -> str:
    """Return an id without its numbers, which the boxes of one list have in common."""
    return re.sub(r"\d+", "", id)


__all__ = ["block_id", "call_id", "stem", "stub_id"]
