"""Capture: a traced model, whichever tracer gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import fx, nn
from torch.export import ExportedProgram


@dataclass(frozen=True)
class Capture:
    """A traced model. ``states`` says of a node that reads model state which kind and name it is.

    ``constants`` holds the tensors that are neither parameter nor buffer, by name, and ``notes`` what was done
    about blocks that look alike.
    """

    name: str
    graph: fx.Graph
    states: dict[str, tuple[str, str]]
    outputs: list[tuple[str, fx.Node]]
    tracer: str = ""
    attempts: tuple[tuple[str, str], ...] = ()
    model: nn.Module | None = None
    program: ExportedProgram | None = None
    dimensions: dict[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


__all__ = ["Capture"]
