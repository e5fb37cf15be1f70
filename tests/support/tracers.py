"""The tracers of the ladder, by name, and one of them alone."""

from __future__ import annotations

import pytest

from ptgraph.tracing.capture import capture
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.source import Source

EXPORT, STRICT, DRAFT, SYMBOLIC, RECORDED = LADDER = (
    "torch.export",
    "torch.export (strict)",
    "torch.export.draft_export",
    "torch.fx.symbolic_trace",
    "recorded forward pass",
)


def by_rung(rung: str, given: Source, monkeypatch: pytest.MonkeyPatch) -> Capture:
    """Trace as if *rung* were the whole ladder."""
    return capture(given, tracers=[rung])
