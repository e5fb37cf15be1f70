"""What the boxes of a picture are called: one grammar, which `page/web/src/model/box_id.js` reads and writes, too.

    id      = base [ "~" numbers ]     a box; with numbers, what it is in other blocks of the folds around it
    numbers = [number] { "." [number] }   one for each fold, the outermost first; none for a fold that is not unfolded
    base    = "/"                      the model
            | "/" run                  a run of a module: its path, and "#2" after it for the second run
            | "#" base                 what a box computes of positions and masks
            | "*" count base           a pattern: so many modules, the first of which is that box
            | operation                the name of an operation, an input or an output
    stub    = base "→" base            a value, and the box that reads it

In a run, "%", "~", "→" and surrogates without their other half are written as %25, %7E, %2192 and such as %D800. An
operation keeps its name, so that a base goes before what only looks like one with numbers. tests/support/box_ids.json holds
examples, for both languages.
"""

from __future__ import annotations

from collections.abc import Sequence

_ESCAPES = str.maketrans({sign: f"%{ord(sign):X}" for sign in ["%", "~", "→", *map(chr, range(0xD800, 0xE000))]})


def run_id(call: str) -> str:
    """Return the id of the box of a run of a module."""
    return "/" + call.translate(_ESCAPES)


def block_id(base: str, numbers: Sequence[int]) -> str:
    """Return the id of what *base* is in other blocks; it is its own in the first of each fold."""
    return f"{base}~{'.'.join(map(str, numbers))}" if any(numbers) else base


def stub_id(source: str, child: str) -> str:
    """Return the id of the stub of the value *source* at the box *child*."""
    return f"{source}→{child}"


__all__ = ["block_id", "run_id", "stub_id"]
