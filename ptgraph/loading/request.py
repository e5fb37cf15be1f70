"""Requests: what is asked of a loader beside the target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ptgraph.loading.input_spec import Input

KINDS = (
    "a preset, package.module:attribute, file.py:attribute, a .pt2, .onnx or TorchScript file, "
    "or a Hugging Face config.json"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a loader beside the target.

    ``inputs`` replace example inputs. With ``weights``, the model is made with values; with ``made_up``, these may be
    random where the target (a config) promises weights of a file. ``checkpoint`` is a file of weights. ``trust`` allows
    code in a .pt2 file to run.
    """

    inputs: list[Input]
    weights: bool
    made_up: bool
    checkpoint: Path | None
    trust: bool


__all__ = ["KINDS", "Request"]
