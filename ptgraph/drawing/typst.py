"""A drawing → PDF or PNG, by Typst.

Typst ships as a wheel for every platform. It puts an SVG into a PDF as vectors and as text with its fonts embedded,
tagged and with a description, and draws the same as PNG. CairoSVG needs the system's cairo, resvg writes no PDF, and a
browser is no wheel. Typst brings no sans-serif; another wheel has Source Sans Pro. Fonts of this machine are used only
where a user names one, so that the bytes do not depend on the machine.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from shutil import copy
from typing import Any, Literal

from ptgraph.common.messages import first_line, listed
from ptgraph.common.temporary_files import temporary_folder
from ptgraph.drawing.shapes import Drawing, Mark, Text
from ptgraph.drawing.svg import write
from ptgraph.drawing.text import clean, number
from ptgraph.errors import ExportError

_FAMILY = "Source Sans Pro"
_HEADER = 33  # bytes of a PNG before its second chunk
DOTS_PER_INCH = 300
_FILES = ("Regular", "Bold", "It", "BoldIt")
_PAGE = """
#set document(title: sys.inputs.title, date: none)
#set page(width: eval(sys.inputs.width), height: eval(sys.inputs.height), margin: 0pt, fill: none)
#image(bytes(sys.inputs.svg), format: "svg", width: 100%, height: 100%, alt: sys.inputs.description)
"""


def typeset(drawing: Drawing, format: Literal["pdf", "png"]) -> bytes:
    """Return *drawing* as a PDF of one page of its size, or as a PNG of 300 dots an inch.

    Raises ExportError if the extra ``pdf`` is not installed, or the font that the drawing names.
    """
    try:
        typst: Any = import_module("typst")
        files = Path(str(import_module("font_source_sans_pro").__file__)).parent / "files"
    except ImportError as error:
        raise ExportError(f"{error.name} is not installed; pip install 'ptgraph[pdf]'") from error
    named = [name.strip(" '").lower() for name in drawing.font.split(",")] if drawing.font else []
    with temporary_folder() as folder:
        for file in _FILES:  # the wheel has each font in two formats, and which of them Typst took would be chance
            copy(files / f"SourceSansPro-{file}.ttf", folder)
        fonts = typst.Fonts(include_system_fonts=bool(named), include_embedded_fonts=True, font_paths=[folder])
        if named and not {*named} & {family.lower() for family in fonts.families()}:
            raise ExportError(f"font {drawing.font!r} is not installed here; there are: {listed(fonts.families())}")
        drawn = drawing if named else replace(drawing, font=_FAMILY)
        drawn = _without_halos(drawn) if format == "pdf" else drawn
        inputs = {
            "svg": write(drawn, "figure"),
            "title": clean(drawing.title),
            "description": clean(drawing.description),
            "width": f"{number(drawing.width)}pt",
            "height": f"{number(drawing.height)}pt",
        }
        try:
            result: bytes = typst.compile(
                _PAGE.encode(), format=format, ppi=float(DOTS_PER_INCH), sys_inputs=inputs, font_paths=fonts
            )
        except typst.TypstError as error:
            raise ExportError(f"Typst failed: {first_line(error)}") from error
    return result


def _without_halos(drawing: Drawing) -> Drawing:
    """Return *drawing* without halos: Typst draws a PDF letter by letter, so that each halo hides the letter before."""

    def bare(mark: Mark) -> Mark:
        return replace(mark, halo=None) if isinstance(mark, Text) else mark

    items = (replace(item, marks=tuple(map(bare, item.marks))) for item in drawing.items)
    return replace(drawing, items=tuple(items))


def png_of(drawing: Drawing) -> bytes:
    """Return the PNG of *drawing*, with its size in print: Typst leaves out the ``pHYs`` chunk.

    Raises ExportError as `typeset` does.
    """
    picture = typeset(drawing, "png")
    dots_per_metre = round(DOTS_PER_INCH / 0.0254)
    chunk = b"pHYs" + struct.pack(">IIB", dots_per_metre, dots_per_metre, 1)
    size = struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return picture[:_HEADER] + size + picture[_HEADER:]


__all__ = ["DOTS_PER_INCH", "png_of", "typeset"]
