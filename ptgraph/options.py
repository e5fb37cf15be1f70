"""What a person may choose about an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Weights = Literal["none", "external", "embedded"]


@dataclass(frozen=True, slots=True)
class Options:
    """Choices that backends read; each has a default that serves.

    ``depth`` is how many levels of modules pictures open (None: as many as stay readable). ``weights`` says
    what becomes of parameter values in ONNX: left out, put in a file beside it, or in the file itself.
    """

    depth: int | None = None
    weights: Weights = "none"


__all__ = ["Options", "Weights"]
