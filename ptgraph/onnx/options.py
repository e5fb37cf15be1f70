"""The choices about an ONNX file: weights, structure, opset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Weights = Literal["none", "external", "embedded"]
Structure = Literal["functions", "flat"]
OPSETS = range(18, 26)  # those that torch.onnx writes; of others it may give 18 and say nothing


@dataclass(frozen=True, slots=True)
class OnnxOptions:
    """How an ONNX file is written: see `ptgraph.formats.options.Options`."""

    weights: Weights = "none"
    structure: Structure = "functions"
    opset: int | None = None
    strict: bool = False


__all__ = ["OPSETS", "OnnxOptions", "Structure", "Weights"]
