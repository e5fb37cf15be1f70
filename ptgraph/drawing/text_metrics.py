"""How wide text is, and text cut to a width. Lengths are in points.

A width is that in the widest of three fonts: Arial (SVG and the page; Arimo, Liberation Sans and Helvetica are as
wide), Source Sans Pro (PDF and PNG) and Latin Modern Sans as pdflatex sets it (TikZ). Text may be wider in any other
font: one that ``--font`` names, the sans-serif of a document that reads a TikZ file, or the one of a viewer that has no
equal of Arial (DejaVu Sans: a tenth wider, bold a sixth).

Letters are not kerned, which in Arial only makes Latin text narrower; the pairs that Latin Modern sets further apart
are counted. A character outside the table is 1 em wide if it is East Asian, and otherwise, as an emoji, 1.5 em: fewer
than 1 in 100 of DejaVu Sans are wider. A character that a writer spells out, such as U+5C64 in TikZ, is not.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category, east_asian_width

from ptgraph.drawing.font_widths import BOLD, CHARACTERS, REGULAR

_EAST_ASIAN, _OUTSIDE = 1000, 1500  # thousandths of the size
_KEPT = 10_000  # texts whose widths are kept: a figure is laid out several times


class _Widths(dict[str, int]):
    """Character → its width in a font, in thousandths of the size."""

    def __missing__(self, character: str) -> int:
        is_emoji = category(character) == "So"
        return _EAST_ASIAN if east_asian_width(character) in "WF" and not is_emoji else _OUTSIDE


def _by_character(fonts: dict[str, list[int]]) -> list[_Widths]:
    return [_Widths(zip(CHARACTERS, widths, strict=True)) for widths in fonts.values()]


_BOLD, _REGULAR = _by_character(BOLD), _by_character(REGULAR)


def text_width(text: str, size: float) -> float:
    """Return an upper estimate of the width of *text* in bold letters of *size* points."""
    return _widest(text, bold=True) * size


def plain_width(text: str, size: float) -> float:
    """Return an upper estimate of the width of *text* in letters that are not bold."""
    return _widest(text, bold=False) * size


@lru_cache(_KEPT)
def _widest(text: str, *, bold: bool) -> float:
    """Return the width of *text* in sizes of its letters."""
    return max(sum(map(font.__getitem__, text)) for font in (_BOLD if bold else _REGULAR)) / 1000


def cut(text: str, size: float, width: float, *, bold: bool = True) -> str:
    """Return *text*, its end left out if it is broader than *width*."""
    measure = text_width if bold else plain_width
    if measure(text, size) <= width:
        return text
    while text and measure(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip(" …") + "…"


__all__ = ["cut", "plain_width", "text_width"]
