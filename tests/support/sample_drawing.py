"""A drawing by hand with everything in it, and hostile words, for the tests of those that write drawings."""

from __future__ import annotations

from ptgraph.drawing.palettes import Theme, palette
from ptgraph.drawing.shapes import Circle, Drawing, Item, Path, Rect, Text
from ptgraph.formats.options import Options
from ptgraph.formats.registry import FORMATS
from ptgraph.graph.model import ModelGraph

HOSTILE = "</text><script>alert(1)</script>&amp;\"'\x00\x07\ud800 \\input{x} $_^%#~{} \\N é注🎉"
WORDS = ("attention_norm", "RMSNorm · 64 params", "batch×sequence×64", "layers.0–11", "×12")


def by_hand(theme: Theme = "paper", words: str = HOSTILE) -> Drawing:
    """Return a drawing of every kind of mark, one box of which says *words*, as do its id and its title."""
    colors = palette(theme)
    norm, ground = colors.style("Normalization"), colors.frame("Layers & blocks")
    box = (
        Rect(60, 75, 120, 28, norm.fill, norm.border, 0.8, 3),
        Text(120, 86.5, "attention_norm", 8, colors.text, bold=True),
        Text(120, 97, "RMSNorm · 64 params", 7, colors.muted),
    )
    plus = (
        Circle(120, 167, 5, colors.page, colors.line),
        Path(((117, 167), (123, 167)), colors.line),
        Path(((120, 164), (120, 170)), colors.line),
    )
    titles = (
        Text(26, 71, "layers.0–11", 8, colors.text, "start", bold=True, halo=ground.fill),
        Text(214, 71, "×12", 9, colors.text, "end", bold=True, halo=ground.fill),
    )
    around = ((120.0, 55.0), (200.0, 55.0), (200.0, 167.0), (125.0, 167.0))
    items = (
        Item("layers", "frame layers-blocks", (Rect(20, 60, 200, 130, ground.fill, ground.border, 0.6, 6),)),
        Item("attention_norm", "box normalization", box, "attention_norm: RMSNorm"),
        Item("1", "edge", (Path(((120, 103), (120, 162)), colors.line, 0.7, 5, arrow=True),)),
        Item("2", "edge", (Path(around, colors.line, 0.7, 5, dashed=True, arrow=True),)),
        Item("1", "sum", plus, "a sum"),
        Item("1", "shape", (Text(124, 140, "batch×sequence×64", 6.5, colors.muted, "start", italic=True),)),
        Item("layers", "frame-title", titles),
        Item(
            words,
            "box other",
            (Rect(20, 196, 200, 18, None, norm.border), Text(120, 208, words, 6, "#111111")),
        ),
    )
    return Drawing(240, 220, items, None, f"tiny {words}", f"A decoder {words}", colors.page)


def draw(graph: ModelGraph, options: Options | None = None) -> str:
    """Return the text of the svg format."""
    return b"".join(FORMATS["svg"].render(graph, options or Options())["svg"]).decode()
