"""Writes ptgraph/drawing/font_widths.py: how wide each character is in the fonts that figures are shown in.

    python -m tools.font_widths

Liberation Sans has the widths of Arial and Helvetica. Source Sans Pro is in PDF and PNG files. Latin Modern Sans is
measured by pdflatex with what the TikZ writer writes for a character, at the sizes of text in a figure; it sets some
pairs of letters further apart, and a character is as wide as before the ASCII character that is furthest from it. A
character that a font lacks is as wide as in DejaVu Sans.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import textwrap
from importlib.util import find_spec
from math import ceil
from pathlib import Path

from fontTools.ttLib import TTFont

from ptgraph.drawing.tikz import BY, tex

OUT = Path(__file__).parents[1] / "ptgraph/drawing/font_widths.py"


def _wheel(name: str) -> Path:
    """Return the folder of an installed package."""
    return Path(str(find_spec(name).origin)).parent  # type: ignore[union-attr]


LIBERATION = Path("/usr/share/fonts/truetype/liberation")
SOURCE_SANS = _wheel("font_source_sans_pro") / "files"
DEJAVU = _wheel("matplotlib") / "mpl-data/fonts/ttf"

# Weight → the file of each font.
FILES = {
    "regular": {
        "Liberation Sans": LIBERATION / "LiberationSans-Regular.ttf",
        "Source Sans Pro": SOURCE_SANS / "SourceSansPro-Regular.ttf",
        "DejaVu Sans": DEJAVU / "DejaVuSans.ttf",
    },
    "bold": {
        "Liberation Sans": LIBERATION / "LiberationSans-Bold.ttf",
        "Source Sans Pro": SOURCE_SANS / "SourceSansPro-Bold.ttf",
        "DejaVu Sans": DEJAVU / "DejaVuSans-Bold.ttf",
    },
}
TEX_SIZES = {"regular": (6.0, 7.0, 8.5), "bold": (7.2, 8.5)}  # points: TeX has other shapes for small sizes

# ASCII, Latin-1, Latin Extended-A, Greek, Cyrillic, punctuation, arrows, mathematics.
_BLOCKS = [(0x20, 0x7E), (0xA0, 0xAC), (0xAE, 0x17F), (0x391, 0x3A1), (0x3A3, 0x3A9), (0x3B1, 0x3C9), (0x400, 0x45F)]
_ASCII = [chr(code) for code in range(0x20, 0x7F)]
_SINGLE = "‐‑‒–—―‘’‚“”„†‡•…‰′″‹›€™←↑→↓↔⇒⇔∂∆∇∈∏∑−√∞∩∪∫≈≠≡≤≥⊕⊗⊙"
CHARACTERS = "".join(chr(code) for first, last in _BLOCKS for code in range(first, last + 1)) + _SINGLE


def advances(file: Path) -> dict[str, float]:
    """Return the width of each character of a font, in em."""
    font = TTFont(file)
    widths, em = font["hmtx"], font["head"].unitsPerEm
    return {chr(code): widths[glyph][0] / em for code, glyph in font.getBestCmap().items()}


def tex_widths(texts: list[str], weight: str, size: float) -> list[float]:
    """Return how wide pdflatex sets each of *texts* in Latin Modern Sans of *size* points, in em."""
    lines = [
        r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{lmodern}",
        r"\newdimen\wide\def\measure#1{\settowidth\wide{#1}\immediate\write16{=\the\wide}}",
        BY,
        rf"\begin{{document}}\sffamily\fontsize{{{size}bp}}{{12bp}}\selectfont",
        r"\bfseries" if weight == "bold" else "",
        *(rf"\measure{{{tex(text)}}}" for text in texts),
        r"\end{document}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "widths.tex").write_text("\n".join(lines), encoding="ascii")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "widths.tex"]
        said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    found = [float(points) * 72 / 72.27 / size for points in re.findall(r"^=([\d.]+)pt", said, re.MULTILINE)]
    assert len(found) == len(texts)
    return found


def kerned(weight: str, size: float) -> dict[str, float]:
    """Return how wide pdflatex sets each character that it knows before the ASCII character furthest from it, in em."""
    known = [character for character in CHARACTERS if not tex(character).startswith("U+")]
    texts = [*known, *(one + other for one in known for other in _ASCII)]
    widths = dict(zip(texts, tex_widths(texts, weight, size), strict=True))
    return {one: max([widths[one], *(widths[one + other] - widths[other] for other in _ASCII)]) for one in known}


def table(weight: str) -> dict[str, dict[str, float]]:
    """Return font → character → its width in em, of all CHARACTERS."""
    fonts = {name: advances(file) for name, file in FILES[weight].items()}
    fallback = fonts.pop("DejaVu Sans")
    sizes = [kerned(weight, size) for size in TEX_SIZES[weight]]
    fonts["Latin Modern Sans"] = {character: max(widths[character] for widths in sizes) for character in sizes[0]}
    return {
        name: {character: widths.get(character, fallback[character]) for character in CHARACTERS}
        for name, widths in fonts.items()
    }


def source() -> str:
    """Return the text of the module."""
    pieces = [CHARACTERS[start : start + 100] for start in range(0, len(CHARACTERS), 100)]
    lines = [
        '"""How wide each of CHARACTERS is in each font, by weight, in thousandths of the size, rounded up.',
        "",
        "Written by tools/font_widths.py.",
        '"""',
        "",
        "# fmt: off",
        "",
        "CHARACTERS = (",
        *(f"    {json.dumps(piece, ensure_ascii=False)}" for piece in pieces),
        ")",
    ]
    for weight in FILES:
        lines += ["", f"{weight.upper()} = {{"]
        for font, widths in table(weight).items():
            numbers = ", ".join(str(ceil(round(widths[character] * 1000, 3))) for character in CHARACTERS)
            wrapped = textwrap.wrap(numbers, 110, initial_indent=" " * 8, subsequent_indent=" " * 8)
            lines += [f'    "{font}": [', *wrapped, "    ],"]
        lines.append("}")
    return "\n".join([*lines, "", '__all__ = ["BOLD", "CHARACTERS", "REGULAR"]', ""])


if __name__ == "__main__":
    OUT.write_text(source(), encoding="utf-8")
