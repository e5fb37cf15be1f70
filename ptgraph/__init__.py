"""See a PyTorch model: trace it, and write it as ONNX, an interactive page, an SVG and a JSON analysis.

The names below are imported when they are first used, since torch takes seconds to import and
``ptgraph --help`` needs none of it.
"""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING
from typing import Any as _Any

if TYPE_CHECKING:
    from ptgraph.api import analyze, attention_patterns, compare, export, export_comparison, load_target, trace, verify
    from ptgraph.common.limits import limits
    from ptgraph.comparison.result import GraphDiff
    from ptgraph.errors import ExportError, LoadError, PtgraphError, TraceError, UsageError
    from ptgraph.figure.options import FigureOptions
    from ptgraph.graph.analysis import Analysis
    from ptgraph.graph.model import Component, ModelGraph, Op
    from ptgraph.notebook.preset_sizes import Size, preset_sizes
    from ptgraph.onnx.verifying.compare import OutputCheck

__version__ = _version("ptgraph")

_HOMES = {
    "graph.analysis": ("Analysis",),
    "api": (
        "analyze",
        "attention_patterns",
        "compare",
        "export",
        "export_comparison",
        "load_target",
        "trace",
        "verify",
    ),
    "common.limits": ("limits",),
    "comparison.result": ("GraphDiff",),
    "errors": ("ExportError", "LoadError", "PtgraphError", "TraceError", "UsageError"),
    "figure.options": ("FigureOptions",),
    "graph.model": ("Component", "ModelGraph", "Op"),
    "notebook.preset_sizes": ("Size", "preset_sizes"),
    "onnx.verifying.compare": ("OutputCheck",),
}


def __getattr__(name: str) -> _Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(_import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


__all__ = [
    "Analysis",
    "Component",
    "ExportError",
    "FigureOptions",
    "GraphDiff",
    "LoadError",
    "ModelGraph",
    "Op",
    "OutputCheck",
    "PtgraphError",
    "Size",
    "TraceError",
    "UsageError",
    "analyze",
    "attention_patterns",
    "compare",
    "export",
    "export_comparison",
    "limits",
    "load_target",
    "preset_sizes",
    "trace",
    "verify",
]
