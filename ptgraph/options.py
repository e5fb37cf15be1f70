"""What a person may choose about an export."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from .errors import UsageError
from .figure_options import FigureOptions, one_of
from .overlay import Overlay

Weights = Literal["none", "external", "embedded"]
Structure = Literal["functions", "flat"]
OPSETS = range(18, 26)  # those that torch.onnx writes; of others it may give 18 and say nothing


@dataclass(frozen=True, slots=True)
class Options:
    """Choices that backends read; each has a default that serves.

    ``depth`` is how many levels of modules pictures open (None: as many as stay readable). ``weights`` says
    what becomes of parameter values in ONNX: left out, put in a file beside it, or in the file itself.
    ``structure`` says whether equal blocks become one ONNX function each, or all operations stand in one graph.
    ``opset`` is the version of ONNX's operators (None: the one that gives the most legible graph).
    ``overlays`` are numbers of the user's own that the page can colour by (see `ptgraph.overlay.match`).
    ``figure`` is how figures look.
    Raises UsageError for a choice that there is not.
    """

    depth: int | None = None
    weights: Weights = "none"
    structure: Structure = "functions"
    opset: int | None = None
    overlays: tuple[Overlay, ...] = ()
    figure: FigureOptions = field(default_factory=FigureOptions)

    def __post_init__(self) -> None:
        one_of("weights", self.weights, get_args(Weights))
        one_of("structure", self.structure, get_args(Structure))
        if self.depth is not None and self.depth < 1:
            raise UsageError(f"depth is {self.depth}; it must be 1 or more")
        if self.opset is not None and self.opset not in OPSETS:
            raise UsageError(f"opset is {self.opset!r}; torch.onnx writes {OPSETS[0]} to {OPSETS[-1]}")


LONGEST = 180  # bytes of a stem; a name has 255, with an ending and what marks it as unfinished


def file_stem(name: str, *, strict: bool = False) -> str:
    """Return *name* fit for a file; *strict* raises UsageError instead of mending it."""
    safe = re.sub(r"[^\w.+-]+", "_", name).strip(".").encode()[:LONGEST].decode(errors="ignore")
    if strict and (safe != name or not name):
        mended = safe.strip("_") or "model"
        if len(name.encode(errors="replace")) > LONGEST:
            raise UsageError(f"the name {name!r} is longer than {LONGEST} bytes")
        raise UsageError(f"the name {name!r} is no file name of letters, digits and . _ + -, such as {mended!r}")
    return safe or "model"


__all__ = ["OPSETS", "Options", "Structure", "Weights", "file_stem"]
