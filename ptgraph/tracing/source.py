"""Source: what a target was loaded as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.export import ExportedProgram

from ptgraph.graph.model import ModelGraph

Dynamic = Mapping[str, Mapping[int, str]]  # argument → number of a dimension that may vary → its name


@dataclass(frozen=True)
class Source:
    """What a target was loaded as: a model with example inputs, an exported program, or the graph of an ONNX file."""

    name: str
    model: nn.Module | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    dynamic: Dynamic = field(default_factory=dict)
    program: ExportedProgram | None = None
    graph: ModelGraph | None = None


__all__ = ["Dynamic", "Source"]
