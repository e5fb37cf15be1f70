"""What was asked for beside the target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ptgraph.loading.input_spec import Input

KINDS = "a preset, package.module:attribute, file.py:attribute, a .pt2 or .onnx file, or a Hugging Face config.json"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for beside the target."""

    inputs: list[Input]
    weights: bool
    made_up: bool
    checkpoint: Path | None
    trust: bool


__all__ = ["KINDS", "Request"]
