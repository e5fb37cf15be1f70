"""PNG: the figure at 300 dots an inch, which the file says, on white where the theme paints no ground; by Typst."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

from ..drawing import Drawing
from ..figure import figure
from ..graph import ModelGraph
from ..options import Options
from ..typeset import DOTS_PER_INCH, typeset

_HEADER = 33  # bytes of a PNG before its second chunk


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the figure as one file, ``png``; raises ExportError if the extra ``pdf`` is not installed."""
    return {"png": [draw(figure(graph, options))]}


def draw(drawing: Drawing) -> bytes:
    """Return the PNG of *drawing*, with its size: Typst writes none."""
    picture = typeset(drawing, "png")
    dots_per_metre = round(DOTS_PER_INCH / 0.0254)
    chunk = b"pHYs" + struct.pack(">IIB", dots_per_metre, dots_per_metre, 1)
    size = struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return picture[:_HEADER] + size + picture[_HEADER:]


__all__ = ["draw", "render"]
