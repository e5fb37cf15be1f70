"""How things look, in every picture alike: category → colours. Pale fills, so that dark text reads on all.

Hues follow Okabe and Ito's palette, which the colour-blind can tell apart; lightness differs too, for print.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """Colours of one category: the fill of a box, and its border."""

    fill: str
    border: str


STYLES = {
    "Core architecture": Style("#eef2f7", "#51647d"),
    "Attention": Style("#fde3c8", "#c2660a"),
    "Layers & blocks": Style("#d9e9f7", "#1f6fab"),
    "Linear": Style("#cfeadf", "#00795a"),
    "Convolution": Style("#d2ecd0", "#2f7d32"),
    "Normalization": Style("#fbf3c4", "#9a7d0a"),
    "Activation": Style("#f9d9d3", "#b8432f"),
    "Embedding": Style("#e6dcf3", "#6b4ba3"),
    "Pooling": Style("#d3eef3", "#1a7f92"),
    "Dropout": Style("#eeeeee", "#8a8a8a"),
    "Recurrent": Style("#f6d8e8", "#a83a75"),
    "Container": Style("#f4f4f4", "#777777"),
    "Loss": Style("#f4cfcf", "#992222"),
    "Training": Style("#f6d8e8", "#a83a75"),
    "Data pipeline": Style("#d3eef3", "#1a7f92"),
    "Input": Style("#ffffff", "#222222"),
    "Output": Style("#ffffff", "#222222"),
    "Operation": Style("#ffffff", "#8494a7"),
    "Other": Style("#f0eee8", "#7d7566"),
}

FONT = "Arial"  # whose widths are measured; the fallbacks are as wide
FALLBACKS = "Arimo,Liberation Sans,Helvetica,sans-serif"
TEXT = "#1c2430"
MUTED = "#5b6776"
LINE = "#6f7d8f"


def style(category: str) -> Style:
    """Return the style of *category*; one that is not known looks like ``Other``."""
    return STYLES.get(category, STYLES["Other"])


__all__ = ["FALLBACKS", "FONT", "LINE", "MUTED", "STYLES", "TEXT", "Style", "style"]
