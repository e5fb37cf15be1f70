"""Palettes: the fill and border of each category of boxes, and the themes of figures.

The hues follow Okabe and Ito's palette, which colour-blind readers can tell apart. ``screen`` has the colours of the
page. ``paper`` has tints of these hues; neighbouring categories differ in lightness, for greyscale prints. ``dark`` has
deep tones of them on a dark ground. What a figure shows by a colour it has as text as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


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

FONT = "Arial"  # widths are measured in it; the fallbacks are as wide
FALLBACKS = "Arimo,Liberation Sans,Helvetica,sans-serif"
TEXT = "#1c2430"
MUTED = "#5b6776"
LINE = "#6f7d8f"


def style(category: str) -> Style:
    """Return the style of *category*, or of ``Other`` for one that is not known."""
    return STYLES.get(category, STYLES["Other"])


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme, each as ``#rrggbb``.

    *page* is the background of a figure, and the colour of halos.
    """

    page: str
    text: str
    muted: str
    line: str
    styles: Mapping[str, Style]

    def style(self, category: str) -> Style:
        """Return the style of *category*, or of ``Other`` for one that is not known."""
        return self.styles.get(category, self.styles["Other"])

    def frame(self, category: str) -> Style:
        """Return the style of a frame of *category*: a faint fill, and a border."""
        style = self.style(category)
        return Style(mix(self.page, style.fill, 0.3), mix(self.page, style.border, 0.75))


def mix(one: str, other: str, share: float) -> str:
    """Return the colour between *one* and *other* (``#rrggbb``) that has a *share* of the other, from 0 to 1."""
    pairs = ((int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _dark(style: Style) -> Style:
    """Return the dark form of a style; a fill that is white on a screen is hardly lighter than the ground."""
    depth = 0.15 if style.fill == "#ffffff" else 0.45
    return Style(mix(_NIGHT, style.border, depth), mix(style.border, "#ffffff", 0.35))


_NIGHT = "#15191f"
_PAPER = {
    "Core architecture": Style("#f6f7f7", "#555a60"),
    "Attention": Style("#f8e2b2", "#785300"),
    "Layers & blocks": Style("#ddf0fa", "#2e5f7b"),
    "Linear": Style("#b8e4d8", "#00664a"),
    "Convolution": Style("#add2e6", "#005e93"),
    "Normalization": Style("#fbf8d1", "#605b1a"),
    "Activation": Style("#ebb487", "#944100"),
    "Embedding": Style("#e6bdd4", "#7c4a66"),
    "Pooling": Style("#cde9f9", "#2e5f7b"),
    "Dropout": Style("#f0f1f2", "#555a60"),
    "Recurrent": Style("#ebcadc", "#7c4a66"),
    "Container": Style("#f6f7f7", "#555a60"),
    "Loss": Style("#efc09c", "#944100"),
    "Training": Style("#ebcadc", "#7c4a66"),
    "Data pipeline": Style("#cde9f9", "#2e5f7b"),
    "Input": Style("#ffffff", "#111418"),
    "Output": Style("#ffffff", "#111418"),
    "Operation": Style("#ffffff", "#555a60"),
    "Other": Style("#eaebed", "#555a60"),
}

PALETTES: dict[Theme, Palette] = {
    "paper": Palette("#ffffff", "#111418", "#3f4650", "#30353c", _PAPER),
    "screen": Palette("#ffffff", TEXT, mix(MUTED, TEXT, 0.3), LINE, STYLES),
    "dark": Palette(_NIGHT, "#f2f4f7", "#c3cbd6", "#9aa6b5", {name: _dark(s) for name, s in STYLES.items()}),
}


def palette(theme: Theme) -> Palette:
    """Return the colours of *theme*."""
    return PALETTES[theme]


Theme = Literal["paper", "screen", "dark"]

__all__ = [
    "FALLBACKS",
    "FONT",
    "LINE",
    "MUTED",
    "PALETTES",
    "STYLES",
    "TEXT",
    "Palette",
    "Style",
    "Theme",
    "mix",
    "palette",
    "style",
]
