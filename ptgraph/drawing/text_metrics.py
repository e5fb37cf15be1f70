"""Widths of text, and text cut to a width."""

from __future__ import annotations


def text_width(text: str, size: float) -> float:
    """Return an upper estimate of the width of *text* in a bold sans-serif of *size* points."""
    return sum(map(_character_width, text)) * size


def _character_width(character: str) -> float:
    if character in "iljtfr.,:;|'·× ":
        return 0.34
    if character in "mwMW@%" or ord(character) > 0x24F:  # other scripts may be wide
        return 1.0
    return 0.75 if character.isupper() else 0.60


def plain_width(text: str, size: float) -> float:
    """Return an upper estimate of the width of *text* in letters that are not bold."""
    return 0.94 * text_width(text, size)


def cut(text: str, size: float, width: float, *, bold: bool = True) -> str:
    """Return *text*, its end left out if it is broader than *width*."""
    measure = text_width if bold else plain_width
    if measure(text, size) <= width:
        return text
    while text and measure(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


__all__ = ["cut", "plain_width", "text_width"]
