"""The section of the document on the page: its own figures, and those of other viewers beside them."""

from __future__ import annotations

from .browser_timer import PAN, PATIENCE, QUIET, SAMPLE
from .results import Result, Row
from .scenarios import FILES, PAGE, VIEWED

TEXT = f"""\
These times are measured inside headless Chromium (1400 × 900, no graphics card, one process for each measurement), by
the clock of the page, which starts at the navigation. The tables say:

- **First interaction**, or **shown**: the time until the graph can be used, at most {PATIENCE} s. For ptgraph, the
  page is painted and then a key press has selected a box. For Model Explorer and Netron, the graph is drawn for the
  first time. For pyvis, its physics has placed the boxes and they are painted; before that it shows nothing.
- **A module opens**: the time from `ptgraph.open()` to the end of the next painted frame, the median of three.
  Everything around the module is open, and all else is closed. On a page with more than {SAMPLE} modules, {SAMPLE} are
  opened, evenly spread. Nothing is animated (reduced motion).
- **Frames/s**: counted for {PAN / 1000:.0f} s by `requestAnimationFrame` with everything open, while the camera moves
  at each frame: with the whole graph in view, and near enough to read. In brackets is the 5th percentile.

Every viewer gets the same graph without weights:

- ptgraph its page as it is written.
- Model Explorer its own JSON, with the same modules as layers. It draws with WebGL, which runs in software here; with a
  graphics card it pans faster. Everything is open at the last change of the picture after a click on *Expand all
  layers* (the {QUIET / 1000:.0f} s without a change that show this are not counted).
- pyvis all operations as boxes, set as its `nodes` and `edges`, with its own options. Its file requests optional
  resources from two CDNs, and gets none.
- Netron the ONNX file of ptgraph, in which modules are functions, and a flat one with a node for each operation.

Netron and Model Explorer run on their own local servers. `benchmarks/synthetic_graph.py` writes the synthetic graph:
five levels of modules, and no two blocks known as equal.
"""

OWN = {
    "model": "---",
    "operations": "--:",
    "written, s": "--:",
    "page, MB": "--:",
    "first interaction, s": "--:",
    "a module opens, ms": "--:",
    "the worst, ms": "--:",
    "everything open, s": "--:",
    "boxes": "--:",
    "frames/s, all in view": "--:",
    "near": "--:",
}
BESIDE = {
    "model": "---",
    "viewer": "---",
    "shown, s": "--:",
    "ratio": "--:",
    "everything open, s": "--:",
    "frames/s": "--:",
}


def tables(result: Result) -> str:
    """Return both tables."""
    models = list(dict.fromkeys(model for model, _ in result.rows))
    own = [_own(model, result.rows[model, FILES], result.rows[model, PAGE]) for model in models]
    beside = [_beside(result, model, name) for model in models for name in VIEWED if (model, name) in result.rows]
    ratio = "The ratio is seconds of ptgraph divided by those of the viewer; below 1, ptgraph takes less.\n"
    return "\n".join([_table(OWN, own), ratio, _table(BESIDE, beside)])


def notes(result: Result) -> list[str]:
    """Say in words what failed."""
    found = [f"- {row.model}: {row.name}: {row.failed.replace('`', '')}." for row in result.rows.values() if row.failed]
    return ["\n".join(found) + "\n"] if found else []


def _table(head: dict[str, str], rows: list[list[str]]) -> str:
    lines = [" | ".join(head), "|".join(head.values()).join("||"), *(" | ".join(row) for row in rows)]
    return "\n".join(line if line.startswith("|") else f"| {line} |" for line in lines) + "\n"


def _own(model: str, files: Row, page: Row) -> list[str]:
    boxes, drawn = _number(page, "boxes", ",.0f"), page.figure("drawn")
    return [
        model,
        _number(files, "operations", ",.0f"),
        _number(files, "written", ".1f"),
        _number(files, "megabytes", ".2f"),
        _number(page, "first", ".2f"),
        _number(page, "open", ".0f"),
        _number(page, "open_worst", ".0f"),
        _number(page, "everything", ".2f"),
        boxes if drawn is None else f"{boxes} ({drawn:,.0f} drawn)",
        _rate(page, "far"),
        _rate(page, "near"),
    ]


def _beside(result: Result, model: str, name: str) -> list[str]:
    ours, theirs = result.rows[model, PAGE], result.rows[model, name]
    first, other = ours.figure("first"), theirs.figure("first")
    if name == PAGE or first is None:
        ratio = ""
    else:
        ratio = f"< {first / PATIENCE:.3f}" if other is None else f"{first / other:.2f}"
    shown, everything = (
        _number(theirs, figure, ".2f", f"> {PATIENCE}" if theirs.failed else "–") for figure in ("first", "everything")
    )
    return [model, name, shown, ratio, everything if name.split(",")[0] != "Netron" else "", _rate(theirs, "far")]


def _number(row: Row, figure: str, form: str, missing: str = "–") -> str:
    value = row.figure(figure)
    return missing if value is None else format(value, form)


def _rate(row: Row, figure: str) -> str:
    value, low = row.figure(figure), row.figure(f"{figure}_low")
    return "–" if value is None or low is None else f"{_frames(value)} ({_frames(low)})"


def _frames(value: float) -> str:
    return f"{value:.0f}" if value >= 9.5 else f"{value:.1f}"
