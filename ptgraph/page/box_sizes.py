"""The sizes of boxes and stubs on the page, by their text, in points."""

from __future__ import annotations

from ptgraph.drawing.text_metrics import plain_width, text_width

STUB_HEIGHT = 18.0
SIGN = 22.0  # the width and height of a ⊕ or a ⊗
TITLE, SUBTITLE = 13, 11  # sizes of text, as in page/web/src/layout/metrics.js


def box_size(title: str, subtitle: str) -> tuple[float, float]:
    """Return width and height of a box that holds two lines of text."""
    width = max(text_width(title, TITLE), plain_width(subtitle, SUBTITLE)) + 26
    return max(72.0, round(width)), 44.0 if subtitle else 30.0


def stub_width(title: str) -> float:
    """Return the width of a stub with the text *title*."""
    return max(28.0, round(plain_width(title, SUBTITLE)) + 14)


__all__ = ["SIGN", "STUB_HEIGHT", "SUBTITLE", "TITLE", "box_size", "stub_width"]
