"""The section of the document on the page: its own figures, and those of other viewers beside them."""

from __future__ import annotations

from .browser import PAN, PATIENCE, QUIET, SAMPLE
from .parts import FILES, PAGE, VIEWED
from .results import Result, Row

TEXT = f"""\
Here a number is measured inside headless Chromium (1400 × 900, no graphics card, one process a measurement), by the
page's own clock, which starts at the navigation: **shown** ends for ptgraph when the page has been painted and then has
answered a press of a key by selecting a box; for Model Explorer and Netron when they first draw the graph; for pyvis,
which shows nothing before, when its physics has placed the boxes and it is painted. A viewer has {PATIENCE} s for that.

A module **opens** in the time from `ptgraph.open()` to the end of the next painted frame, everything around it being
open and all else closed: the median of three times; of a page with more than {SAMPLE} modules, {SAMPLE} are opened,
evenly spread, and all prefer reduced motion, so that nothing is animated. **Frames** are
counted for {PAN / 1000:.0f} s by `requestAnimationFrame` with everything open, the camera being moved at each of them:
with the whole graph in view, and near enough to read. In brackets is the 5th percentile.

Every viewer gets the same graph without weights: ptgraph's page as it is written; Model Explorer its own JSON with the
same modules as layers; pyvis all operations as boxes, set as its `nodes` and `edges`, with its own options (the file
asks two CDNs for what it can do without, and gets nothing); Netron the ONNX file of ptgraph, where modules are
functions, and one with a node for each operation. Netron and Model Explorer are served by their own local servers.
Model Explorer draws with WebGL, in software here: with a graphics card it pans faster. All is open there when the
picture has last changed after a click on *Expand all layers* ({QUIET / 1000:.0f} s without a change say so, and are not
counted). The made-up graph is written by `benchmarks/made_up.py`: five levels of modules, no two blocks known as equal.
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
    ratio = "The ratio is that of ptgraph's seconds to the viewer's; below 1, ptgraph takes less.\n"
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
