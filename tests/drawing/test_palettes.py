"""Themes by their numbers: contrast of text, and that categories differ in greyscale and to the colour-blind."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from ptgraph.drawing.palettes import PALETTES, STYLES, Palette, Theme, mix, palette

# How a colour of linear RGB is seen: Machado, Oliveira and Fernandes (2009), severity 1.
SIGHTS = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]])
WHITE = XYZ.sum(axis=1)

TOGETHER = [
    ("Attention", "Layers & blocks", "Linear", "Normalization", "Activation", "Embedding", "Operation"),
    ("Convolution", "Normalization", "Activation", "Pooling", "Linear", "Operation"),
]
PAIRS = sorted({pair for group in TOGETHER for pair in combinations(group, 2)})


def linear(color: str) -> np.ndarray:
    """Return a colour as linear RGB, from 0 to 1."""
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """Return linear RGB as CIE L*a*b*."""
    t = XYZ @ light / WHITE
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    """Return the contrast of WCAG 2, from 1 to 21."""
    low, high = sorted(float(linear(color) @ XYZ[1]) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def grounds(colors: Palette) -> set[str]:
    """Return all that text may stand on."""
    return {colors.page, *(s.fill for s in colors.styles.values()), *(colors.frame(c).fill for c in colors.styles)}


@pytest.mark.parametrize("theme", PALETTES)
def test_text_reads_on_every_ground(theme: Theme) -> None:
    colors = palette(theme)
    assert set(colors.styles) == set(STYLES)
    assert min(contrast(colors.text, ground) for ground in grounds(colors)) >= 7
    assert min(contrast(colors.muted, ground) for ground in grounds(colors)) >= 4.5


@pytest.mark.parametrize("theme", PALETTES)
def test_borders_and_lines_are_seen(theme: Theme) -> None:
    colors = PALETTES[theme]
    for look in colors.styles.values():
        assert contrast(look.border, look.fill) >= 2.9
        assert contrast(look.border, colors.page) >= 3
    assert contrast(colors.line, colors.page) >= 4
    assert min(contrast(colors.line, colors.frame(category).fill) for category in colors.styles) >= 3


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_on_paper_categories_differ_in_greyscale_and_to_the_colour_blind(one: str, other: str) -> None:
    a, b = (linear(palette("paper").style(category).fill) for category in (one, other))
    assert abs(lab(a)[0] - lab(b)[0]) >= 3
    for sight, seen in SIGHTS.items():
        assert np.linalg.norm(lab(np.clip(seen @ a, 0, 1)) - lab(np.clip(seen @ b, 0, 1))) >= 6, sight


def test_screen_has_the_colours_of_the_page_and_dark_stands_on_the_night() -> None:
    assert palette("screen").styles is STYLES
    assert palette("paper").page == palette("screen").page == "#ffffff" != palette("dark").page
    assert palette("dark").style("what nobody knows") == palette("dark").style("Other")
    assert mix("#000000", "#ffffff", 0.5) == "#808080"
