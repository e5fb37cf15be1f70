"""See a PyTorch model: trace it, and write it as ONNX, an interactive page, an SVG and a JSON analysis.

The names below are imported when they are first used, since torch takes seconds to import and
``ptgraph --help`` needs none of it.
"""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from .analysis import Analysis
    from .api import (
        analyze,
        attention_patterns,
        compare,
        export,
        export_comparison,
        load_target,
        trace,
        verify,
    )
    from .errors import ExportError, LoadError, PtgraphError, TraceError, UsageError
    from .figure_options import FigureOptions
    from .graph import Component, ModelGraph, Op
    from .sizes import Size, preset_sizes
    from .verification import Comparison

__version__ = _version("ptgraph")

_HOMES = {
    "analysis": ("Analysis",),
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
    "errors": ("ExportError", "LoadError", "PtgraphError", "TraceError", "UsageError"),
    "figure_options": ("FigureOptions",),
    "graph": ("Component", "ModelGraph", "Op"),
    "sizes": ("Size", "preset_sizes"),
    "verification": ("Comparison",),
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
    "Comparison",
    "Component",
    "ExportError",
    "FigureOptions",
    "LoadError",
    "ModelGraph",
    "Op",
    "PtgraphError",
    "Size",
    "TraceError",
    "UsageError",
    "analyze",
    "attention_patterns",
    "compare",
    "export",
    "export_comparison",
    "load_target",
    "preset_sizes",
    "trace",
    "verify",
]
