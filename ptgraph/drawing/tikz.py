"""A drawing → TikZ, in a document that plain pdflatex compiles. Another document that reads it gets only the picture.

Text is set in the document's own sans-serif. Styles are named by kind of item and mark, such as ``box attention rect``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from ptgraph.drawing.shapes import (
    ARROW_LENGTH,
    ARROW_WIDTH,
    Circle,
    Drawing,
    Item,
    Mark,
    Path,
    Rect,
    Text,
    appearance,
    appearances,
    class_names,
)
from ptgraph.drawing.text import number

_MARKS = {Rect: "rect", Circle: "circle", Path: "path", Text: "text"}
_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}

BY = r"\def\by{\kern-.13em$\times$\kern-.13em}"  # × as ``tex`` writes it: LaTeX leaves too much space around it

_HEAD = r"""% {title}
% Compile this file with pdflatex, or read it with \input in a document that has in its preamble
%   \usepackage{{tikz}} \usetikzlibrary{{arrows.meta}}
\expandafter\ifx\csname @nodocument\endcsname\relax\let\ptgraphend\endinput\else
\documentclass{{article}}
\IfFileExists{{lmodern.sty}}{{\usepackage[T1]{{fontenc}}\usepackage{{lmodern}}}}{{\usepackage{{fix-cm}}}}
\usepackage[papersize={{{width}bp,{height}bp}},margin=0bp]{{geometry}}
\usepackage{{tikz}}
\usetikzlibrary{{arrows.meta}}
\pagestyle{{empty}}
\topskip=0pt
\def\ptgraphend{{\end{{document}}}}
\begin{{document}}\enlargethispage{{9bp}}\noindent
\fi"""


def write(drawing: Drawing) -> str:
    """Return the text of a LaTeX file; lengths are in big points, the points of a PDF."""
    return "\n".join([*_lines(drawing), ""])


def _lines(drawing: Drawing) -> Iterator[str]:
    width, height = number(drawing.width), number(drawing.height)
    yield _HEAD.format(title=comment(drawing.title), width=width, height=height)
    yield r"\begin{tikzpicture}[x=1bp,y=-1bp]"
    yield BY
    found = appearances(drawing)
    for color in dict.fromkeys(color for _, mark in found for color in _colors(mark)):
        yield rf"\definecolor{{{_color(color)}}}{{HTML}}{{{_color(color)}}}"
    yield r"\tikzset{"
    for (kind, mark), nth in found.items():
        yield f"  {_name(kind, mark, nth)}/.style={{{_style(mark)}}},"
    yield "}"
    yield rf"\useasboundingbox (0,0) rectangle ({width},{height});"
    color = _color(drawing.background)
    yield rf"\definecolor{{{color}}}{{HTML}}{{{color}}}\fill[{color}] (0,0) rectangle ({width},{height});"
    for item in drawing.items:
        yield from _item(item, found)
    yield r"\end{tikzpicture}%"
    yield r"\ptgraphend"


def _item(item: Item, found: dict[tuple[str, Mark], int]) -> Iterator[str]:
    if item.title:
        yield f"% {comment(item.title)}"
    for mark in item.marks:
        style = _name(item.kind, mark, found[item.kind, appearance(mark)])
        if isinstance(mark, Text):
            yield rf"\node[{style}] at {_pair(mark.x, mark.y)} {{{tex(mark.text)}}};"
        elif isinstance(mark, Rect):
            across = _pair(mark.x + mark.width, mark.y + mark.height)
            yield rf"\path[{style}] {_pair(mark.x, mark.y)} rectangle {across};"
        elif isinstance(mark, Circle):
            yield rf"\path[{style}] {_pair(mark.x, mark.y)} circle[radius={number(mark.radius)}bp];"
        else:
            yield rf"\path[{style}] {' -- '.join(_pair(x, y) for x, y in mark.points)};"


def _name(kind: str, mark: Mark, nth: int) -> str:
    name = " ".join([*class_names(kind), _MARKS[type(mark)]])
    return f"{name} {nth}" if nth > 1 else name


def _style(mark: Mark) -> str:
    """Return the appearance of a mark as keys of TikZ."""
    if isinstance(mark, Text):
        size = rf"\fontsize{{{number(mark.size)}bp}}{{{number(mark.size * 1.2)}bp}}"
        shape = r"\bfseries" * mark.bold + r"\itshape" * mark.italic
        keys = [f"anchor={_ANCHORS[mark.anchor]}", f"text={_color(mark.color)}"]
        keys += [f"fill={_color(mark.halo)}", "inner sep=1bp", "outer sep=-1bp"] if mark.halo else ["inner sep=0pt"]
        return ",".join([*keys, rf"font=\sffamily{size}\selectfont{shape}"])
    keys = [f"line width={number(mark.line)}bp"]
    keys += [f"draw={_color(mark.stroke)}"] if mark.stroke else []
    keys += [f"fill={_color(mark.fill)}"] if not isinstance(mark, Path) and mark.fill else []
    if not isinstance(mark, Circle):
        keys += [f"rounded corners={number(mark.radius)}bp"] if mark.radius else []
        keys += ["dash pattern=on 3bp off 2bp"] if mark.dashed else []
    if isinstance(mark, Path) and mark.arrow:
        length, width, inset = (number(n * mark.line) for n in (ARROW_LENGTH, ARROW_WIDTH, ARROW_LENGTH / 4))
        keys.append(f"-{{Stealth[length={length}bp,width={width}bp,inset={inset}bp]}}")
    return ",".join(keys)


def _colors(mark: Mark) -> list[str]:
    both = (mark.color, mark.halo) if isinstance(mark, Text) else (mark.stroke, getattr(mark, "fill", None))
    return [color for color in both if color]


def _color(color: str) -> str:
    return color.removeprefix("#").upper()


def _pair(x: float, y: float) -> str:
    return f"({number(x)},{number(y)})"


def comment(line: str) -> str:
    """Return *line* as one line of plain ASCII."""
    return line.encode("ascii", "backslashreplace").decode().replace("\r", r"\r").replace("\n", r"\n")


def tex(line: str) -> str:
    """Return *line* as LaTeX source for its oldest fonts; a character that they lack is written by its code point."""
    return "".join(map(_character, line))


def _character(character: str) -> str:
    if character in _TEX:
        return _TEX[character]
    if " " <= character <= "~":
        return character
    base, *marks = list(unicodedata.normalize("NFD", character))
    if base.isascii() and base.isalpha() and marks and all(mark in _ACCENTS for mark in marks):
        return "".join(rf"\{_ACCENTS[mark]}{{" for mark in reversed(marks)) + base + "}" * len(marks)
    if character < " ":
        return rf"\textbackslash{{}}x{ord(character):02x}"
    return f"U+{ord(character):04X}"


_GREEK = {
    **{letter: unicodedata.name(letter).split()[-1].lower() for letter in "αβγδεζηθικμνξπρστυφχψω"},
    **{letter: unicodedata.name(letter).split()[-1].capitalize() for letter in "ΓΔΘΞΠΣΥΦΨΩ"},
    **{"λ": "lambda", "Λ": "Lambda", "µ": "mu", "ς": "varsigma"},
}
_MATH = {
    **{"⊕": "oplus", "⊗": "otimes", "⊙": "odot", "·": "cdot", "÷": "div", "±": "pm", "∞": "infty"},
    **{"≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx", "→": "rightarrow", "←": "leftarrow", "↑": "uparrow"},
    **{"↓": "downarrow", "∑": "sum", "∏": "prod", "√": "surd", "∂": "partial", "∇": "nabla", "∈": "in"},
}
_TEX = {
    **{character: rf"\{character}" for character in "{}&#%_"},
    **{character: rf"$\{name}$" for character, name in (_GREEK | _MATH).items()},
    **{"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "|": r"\textbar{}"},
    **{
        "$": r"\char36{}",
        "×": r"\by{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        '"': r"\char34{}",
        "`": r"\char96{}",
        "-": "-{}",
    },
    **{"–": "--", "—": "---", "‑": "-{}", "−": "$-$", "…": r"\ldots{}", "\u00a0": "~", "\u2060": ""},
    **{"‘": "`", "’": "'", "“": "``", "”": "''", "²": "$^2$", "³": "$^3$", "°": r"$^\circ$"},
    **{"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "œ": r"\oe{}", "ł": r"\l{}"},
}
_ACCENTS = {
    **{"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u0304": "=", "\u0307": "."},
    **{"\u0306": "u", "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c"},
}

__all__ = ["BY", "comment", "tex", "write"]
