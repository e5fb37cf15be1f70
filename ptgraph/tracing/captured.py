"""Capture: a traced model, whichever tracer gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import fx, nn
from torch.export import ExportedProgram

from ptgraph.tracing.module_calls import ModuleCalls


@dataclass(frozen=True)
class Capture:
    """A traced model.

    ``states`` maps the name of a node that reads a parameter, buffer or constant to its kind and ``state_dict`` name.
    ``constants`` holds the tensors that are neither parameters nor buffers, by name. ``notes`` are for the log: which
    repeated blocks were traced once, and why others were not. ``folded`` are the paths of blocks with a call that was
    not traced. ``other_inputs`` and ``other_outputs`` are the inputs and outputs that are no tensors, as
    `ptgraph.tracing.nested_values.described` says them. ``run`` has the calls of modules that were counted while the
    tracer ran the model, if it did.
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
    folded: frozenset[str] = frozenset()
    other_inputs: list[dict[str, Any]] = field(default_factory=list)
    other_outputs: list[dict[str, Any]] = field(default_factory=list)
    run: ModuleCalls = field(default_factory=ModuleCalls)


__all__ = ["Capture"]
