"""The options of an export: one record for all formats, each of which reads the fields that concern it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from ptgraph.errors import UsageError
from ptgraph.figure.options import FigureOptions, one_of
from ptgraph.onnx.options import OPSETS, OnnxOptions, Structure, Weights
from ptgraph.page.overlay import Overlay


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the formats; all have defaults. The docstring of a format's ``render`` says which it reads.

    ``depth`` (figures, page, dot, mermaid) is how many levels of modules are open; None: as many as stay readable.
    ``weights`` (onnx) says where parameter values are: nowhere, in a file beside the ONNX file, or in it.
    ``structure`` (onnx) says whether modules are local functions, which equal ones share, or all operations are in the
    main graph. ``opset`` (onnx) is the version of ONNX's operators; None: the one that gives the most legible graph.
    ``strict`` (onnx) makes it an error if the model has no ONNX, or one with operators that no runtime can run.
    ``overlays`` (page) are numbers of the user that the page can colour by (see `ptgraph.page.overlay.match`).
    ``figure`` (figures, dot, mermaid) is how figures look.
    The other formats (json, model-explorer, tensorboard, graphml, gexf, cytoscape) read none.
    Raises UsageError for a value that an option cannot have.
    """

    depth: int | None = None
    weights: Weights = "none"
    structure: Structure = "functions"
    opset: int | None = None
    overlays: tuple[Overlay, ...] = ()
    figure: FigureOptions = field(default_factory=FigureOptions)
    strict: bool = False

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
        return OnnxOptions(self.weights, self.structure, self.opset, self.strict)


__all__ = ["Options"]
