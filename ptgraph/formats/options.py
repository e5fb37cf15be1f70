"""What a person may choose about an export."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from ptgraph.errors import UsageError
from ptgraph.figure.options import FigureOptions, one_of
from ptgraph.onnx.options import OPSETS, OnnxOptions, Structure, Weights
from ptgraph.page.overlay import Overlay


@dataclass(frozen=True, slots=True)
class Options:
    """Choices that formats read; each has a default that serves.

    ``depth`` is how many levels of modules pictures open (None: as many as stay readable). ``weights`` says
    what becomes of parameter values in ONNX: left out, put in a file beside it, or in the file itself.
    ``structure`` says whether equal blocks become one ONNX function each, or all operations stand in one graph.
    ``opset`` is the version of ONNX's operators (None: the one that gives the most legible graph).
    ``overlays`` are numbers of the user's own that the page can colour by (see `ptgraph.page.overlay.match`).
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

    @property
    def onnx(self) -> OnnxOptions:
        """The choices about an ONNX file."""
        return OnnxOptions(self.weights, self.structure, self.opset)


__all__ = ["Options"]
