"""docs/benchmarks.md, from what was measured."""

from __future__ import annotations

import textwrap
from pathlib import Path

from . import plot, report_viewers
from .process_timer import LIMIT
from .results import Result, Row
from .scenarios import LAYERS, LAYERS_OF_TORCH, OURS, SCENARIOS, TORCH

DOCS = Path(__file__).resolve().parent.parent / "docs"
BASE = 24  # layers that growth is told relative to

HEAD = f"""\
# Benchmarks

`make bench` measures all of this again and writes this page;
`python -m benchmarks --only onnx-export,large-model --runs 3` measures some of it.

Except in the section on the page, each measurement is of a whole process, from start to exit: its wall-clock seconds,
and its peak memory (if it starts other processes, the peak of the largest one). Each number is the median of the runs.
In each round every command of a table runs once, so that other load on the machine affects all of them. A process that
takes more than {LIMIT} s is stopped. One that fails is not run again.

Seconds differ between machines, so compare the ratios: **ptgraph divided by the other tool; below 1, ptgraph takes
less**. *All formats* are the four default ones: onnx, html, svg and json.
"""

TEXTS = {
    "onnx-export": """\
`ptgraph export PRESET` writes four files (ONNX, HTML, SVG, JSON); `torch.onnx.export(model, dynamo=True)` writes the
ONNX file alone. Three runs of ptgraph and torch are compared:

- Without weights, ptgraph builds the model on the meta device. `torch.onnx.export` needs a model with weights to
  write a file.
- On the meta device, `torch.onnx.export(optimize=False)` makes the graph in memory, but cannot write it.
- With `--weights external`, both write the weights.
""",
    "graph-tools": """\
- `ptgraph export PRESET -f svg` against `torchview.draw_graph` on the meta device: once drawn as SVG, and once only
  written as text for Graphviz. torchview draws with `graphviz-pure`, which it finds here as `dot`; figures of ptgraph
  need no Graphviz. torchview draws every layer (down to its default depth), ptgraph draws equal layers once.
- `ptgraph export PRESET -f json` against `torchlens.trace`: once with its defaults (it keeps every activation), and
  once for the structure alone. It keeps its result in memory and writes nothing.
""",
    "large-model": """\
The config of a Llama with 80 layers of width 8192, without weights: `ptgraph export FOLDER`, all formats, against
`torch.onnx.export(model, dynamo=True, optimize=False)` of the same model on the meta device.
""",
    "depth": """\
The preset `medium` (24 layers) with 12 to 96 layers: all formats, without weights, against `torch.onnx.export` of the
model with weights. In brackets is the ratio to 24 layers.

![Seconds and memory with 12 to 96 layers](benchmarks.svg)
""",
    "viewers": report_viewers.TEXT,
}


def write(results: dict[str, Result]) -> None:
    """Write the page, and the picture if growth was measured."""
    sections = [HEAD, _measured(results)]
    for name, result in results.items():
        if name == "viewers":
            table, notes = report_viewers.tables(result), report_viewers.notes(result)
        else:
            table, notes = _growth(result) if name == "depth" else _table(name, result), _notes(result)
        sections.append("\n".join([f"## {SCENARIOS[name].title}\n", TEXTS[name], table, *notes]))
    (DOCS / "benchmarks.md").write_text("\n".join(sections), encoding="utf-8")
    if "depth" in results:
        plot.write(results["depth"], DOCS / "benchmarks.svg")


def _measured(results: dict[str, Result]) -> str:
    """Say where: once if all scenarios were measured alike, else for each."""
    said: dict[str, list[str]] = {}
    for name, result in results.items():
        said.setdefault(f"Runs: {_counts(result)}. Machine: {result.machine}.", []).append(SCENARIOS[name].title)
    texts = said if len(said) == 1 else [f"{'; '.join(titles)}: {text}" for text, titles in said.items()]
    return "\n".join(textwrap.fill(text, 118, break_on_hyphens=False) + "\n" for text in texts)


def _counts(result: Result) -> str:
    """Say how often the commands ran that did what they should: one may have been measured again by itself."""
    counts = sorted({len(row.runs) for row in result.rows.values() if not row.failed})
    return str(counts[0]) if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"


def _table(name: str, result: Result) -> str:
    models = dict.fromkeys(model for model, _ in result.rows)
    lines = [
        "| model | ptgraph | s | MB | against | s | MB | ratio of time | of memory |",
        "|---|---|--:|--:|---|--:|--:|--:|--:|",
    ]
    for model in models:
        for our_name, their_name in SCENARIOS[name].pairs:
            ours, theirs = result.rows[model, our_name], result.rows[model, their_name]
            cells = [model, our_name, *_cells(ours), their_name, *_cells(theirs), *_ratios(ours, theirs)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _growth(result: Result) -> str:
    lines = [
        "| layers | ptgraph, s | MB | torch.onnx.export, s | MB | ratio of time | of memory |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for layers in LAYERS:
        cells = [str(layers), *_grown(result, layers, OURS)]
        if layers in LAYERS_OF_TORCH:
            pair = result.rows[str(layers), OURS], result.rows[str(layers), TORCH]
            cells += [*_grown(result, layers, TORCH), *_ratios(*pair)]
        else:
            cells += ["not measured", "", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _grown(result: Result, layers: int, name: str) -> tuple[str, str]:
    row, base = result.rows[str(layers), name], result.rows[str(BASE), name]
    seconds, megabytes = _cells(row)
    if row.failed or base.failed:
        return seconds, megabytes
    return (
        f"{seconds} (× {row.seconds / base.seconds:.2f})",
        f"{megabytes} (× {row.megabytes / base.megabytes:.2f})",
    )


def _cells(row: Row) -> tuple[str, str]:
    if not row.failed:
        return f"{row.seconds:.1f}", f"{row.megabytes:,.0f}"
    return (f"> {LIMIT}" if row.seconds >= LIMIT else f"fails after {row.seconds:.0f}"), "–"


def _ratios(ours: Row, theirs: Row) -> tuple[str, str]:
    if ours.failed or (theirs.failed and theirs.seconds < LIMIT):
        return "–", "–"
    seconds = ours.seconds / theirs.seconds
    if theirs.failed:
        return f"< {seconds:.3f}", "–"
    return f"{seconds:.2f}", f"{ours.megabytes / theirs.megabytes:.2f}"


def _notes(result: Result) -> list[str]:
    """Say in words what failed, and how far the runs of a command lie apart."""
    rows = result.rows.values()
    notes = [f"- {row.model}: {row.name} {_fails(row)}." for row in rows if row.failed]
    if result.runs > 1:
        spread = max(row.spread for row in rows)
        notes.append(f"- Of all runs, the one furthest from the median of its command is {spread:.0%} off it.")
    return ["\n".join(notes) + "\n"] if notes else []


def _fails(row: Row) -> str:
    return row.failed if row.seconds >= LIMIT else f"fails: `{row.failed.replace('`', '')}`"
