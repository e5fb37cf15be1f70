"""Capture: a traced model, whichever tracer gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import fx, nn
from torch.export import ExportedProgram


@dataclass(frozen=True)
class Capture:
    """A traced model.

    ``states`` maps the name of a node that reads a parameter, buffer or constant to its kind and ``state_dict`` name.
    ``constants`` holds the tensors that are neither parameters nor buffers, by name. ``notes`` are for the log: which
    repeated blocks were traced once, and why others were not. ``other_inputs`` and ``other_outputs`` are the inputs and
    outputs that are no tensors, as `ptgraph.tracing.nested_values.described` says them.
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
    other_inputs: list[dict[str, Any]] = field(default_factory=list)
    other_outputs: list[dict[str, Any]] = field(default_factory=list)


__all__ = ["Capture"]
