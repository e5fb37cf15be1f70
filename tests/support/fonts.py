"""The fonts that figures are shown in, measured by fontTools, without ptgraph."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fontTools.ttLib import TTFont


def folder_of(package: str) -> Path:
    """Return the folder of an installed package."""
    return Path(str(find_spec(package).origin)).parent


LIBERATION = Path("/usr/share/fonts/truetype/liberation")  # as wide as Arial and Helvetica
SOURCE_SANS = folder_of("font_source_sans_pro") / "files"
DEJAVU = folder_of("matplotlib") / "mpl-data/fonts/ttf"
DEJAVU_FILES = {False: DEJAVU / "DejaVuSans.ttf", True: DEJAVU / "DejaVuSans-Bold.ttf"}  # by whether it is bold


class Font:
    """A font, or the next one for a character that it lacks."""

    def __init__(self, *files: Path) -> None:
        self.widths: dict[str, float] = {}
        for file in reversed(files):
            font = TTFont(file)
            glyphs, em = font.getGlyphSet(), font["head"].unitsPerEm
            self.widths |= {chr(code): glyphs[name].width / em for code, name in font.getBestCmap().items()}

    def width(self, text: str) -> float:
        """Return how wide *text* is, in sizes of the font; a character that no font has is 1 wide."""
        return sum(self.widths.get(character, 1.0) for character in text)


@cache
def fonts(bold: bool) -> dict[str, Font]:
    """Return the fonts that the writers of SVG, PDF and PNG name first."""
    weight = "Bold" if bold else "Regular"
    return {
        "Liberation Sans": Font(LIBERATION / f"LiberationSans-{weight}.ttf", DEJAVU_FILES[bold]),
        "Source Sans Pro": Font(SOURCE_SANS / f"SourceSansPro-{weight}.ttf", DEJAVU_FILES[bold]),
    }


def width(text: str, size: float, *, bold: bool) -> float:
    """Return how wide *text* is in the widest of them."""
    return max(font.width(text) for font in fonts(bold).values()) * size
