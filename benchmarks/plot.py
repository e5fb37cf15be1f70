"""The picture of growth: seconds and memory against the number of layers."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .process_timer import Run
from .results import Result
from .scenarios import LAYERS, OURS, TORCH

# Colours of Okabe and Ito, which differ for colour-blind eyes too, and in grey by their markers and lines.
LINES = {OURS: ("ptgraph, all formats", "#0072B2", "o", "-"), TORCH: ("torch.onnx.export", "#D55E00", "s", "--")}
LOOKS: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "figure.constrained_layout.wspace": 0.1,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "svg.hashsalt": "ptgraph",  # the same numbers give the same file
}


def write(result: Result, path: Path) -> None:
    """Draw the scenario ``depth``."""
    with matplotlib.rc_context(LOOKS):
        figure = Figure(figsize=(6.8, 2.7), layout="constrained")
        time, memory = figure.subplots(1, 2)
        _panel(time, result, "time (s)", lambda run: run.seconds)
        _panel(memory, result, "peak memory (GB)", lambda run: run.megabytes / 1000)
        time.legend(frameon=False, loc="upper right")
        figure.savefig(path, metadata={"Date": None})


def _panel(axes: Axes, result: Result, label: str, value: Callable[[Run], float]) -> None:
    """Draw a line for each tool: medians, and bars from the least to the most."""
    for name, (title, colour, marker, dashes) in LINES.items():
        layers = [n for n in LAYERS if (row := result.rows.get((str(n), name))) and not row.failed]
        values = [sorted(value(run) for run in result.rows[str(n), name].runs) for n in layers]
        middle = [statistics.median(found) for found in values]
        down = [centre - found[0] for centre, found in zip(middle, values, strict=True)]
        up = [found[-1] - centre for centre, found in zip(middle, values, strict=True)]
        axes.errorbar(
            layers,
            middle,
            yerr=[down, up],
            label=title,
            color=colour,
            marker=marker,
            linestyle=dashes,
            markersize=5,
            linewidth=1.5,
            capsize=2.5,
            elinewidth=1,
        )
    axes.set_xlabel("transformer layers")
    axes.set_ylabel(label)
    axes.set_xticks(LAYERS)
    axes.set_xlim(0, max(LAYERS) * 1.04)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.05)
