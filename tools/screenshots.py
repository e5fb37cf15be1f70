"""Pictures of the page for the docs: ``python -m tools.screenshots`` writes docs/page-*.png and docs/page.md."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import transformers

from benchmarks.browser_timer import chromium
from ptgraph.comparison.diff import compare
from ptgraph.formats.html import render, render_comparison
from ptgraph.formats.options import Options
from ptgraph.loading.target import load
from ptgraph.tracing.build_graph import graph_of

DOCS = Path(__file__).resolve().parents[1] / "docs"
WIDE, NARROW = (1400, 900), (390, 844)
ATTENTION = "ptgraph.open('/layers.0'); ptgraph.select('/layers.0.attention')"

# Name, what it shows, the page, its size, light or dark, and what is done on it first.
SHOTS = (
    ("medium", "The preset medium, a block open, its attention selected", "medium", WIDE, "light", ATTENTION),
    ("light", "The preset tiny, its attention selected", "tiny", WIDE, "light", ATTENTION),
    ("dark", "The same in the dark", "tiny", WIDE, "dark", ATTENTION),
    ("inside", "Inside a block: what comes in, and where it goes", "tiny", WIDE, "light",
     "ptgraph.dive('/layers.0')"),
    ("coloured", "Swin by the bytes of its activations", "swin", WIDE, "light", "ptgraph.colorBy('bytes')"),
    ("components", "The components by category", "tiny", WIDE, "light", "ptgraph.showTab('components')"),
    ("component", "One component", "tiny", WIDE, "light",
     "location.hash = '#class=ptgraph.models.attention.Attention'"),
    ("pipelines", "The pipelines", "tiny", WIDE, "light", "ptgraph.showTab('pipelines')"),
    ("grpo", "A recorded step of GRPO", "tiny", WIDE, "light",
     "ptgraph.showDiagram('grpo'); ptgraph.select('/advantages')"),
    ("table", "The table", "tiny", WIDE, "light", "ptgraph.openToLevel(2); ptgraph.showTab('table')"),
    ("compared", "Two models side by side", "compared", WIDE, "light", ""),
    ("narrow-light", "On a telephone", "tiny", NARROW, "light", ""),
    ("narrow-dark", "On a telephone, in the dark", "tiny", NARROW, "dark", ATTENTION),
)  # fmt: skip

TEXT = """# The page

The page is one file, and needs no network. These pictures show the page that `ptgraph export tiny` writes, with three
exceptions: the first one is of the preset `medium`, Swin is that of `transformers`, and the comparison is
`ptgraph export tiny --compare small`. `make screenshots` takes them.

"""


def pages() -> dict[str, bytes]:
    """Return the pages that are shown."""
    tiny, small = graph_of(load("tiny")), graph_of(load("small"))
    with tempfile.TemporaryDirectory() as folder:
        transformers.SwinConfig().save_pretrained(f"{folder}/swin")
        swin = graph_of(load(f"{folder}/swin"))
    return {
        "medium": b"".join(render(graph_of(load("medium")), Options())["html"]),
        "tiny": b"".join(render(tiny, Options())["html"]),
        "swin": b"".join(render(swin, Options())["html"]),
        "compared": b"".join(render_comparison(tiny, small, compare(tiny, small), Options())["html"]),
    }


def shoot(browser: Any, file: Path, size: tuple[int, int], scheme: str, script: str) -> bytes:
    """Return a picture of *file* after *script* has run in it."""
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce", offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_function("window.ptgraph")
    page.evaluate(f"() => {{ {script} }}")
    page.wait_for_timeout(400)
    picture: bytes = page.screenshot()
    context.close()
    return picture


def main() -> None:
    """Take all pictures."""
    text = TEXT
    with tempfile.TemporaryDirectory() as folder, chromium() as page:
        for name, content in pages().items():
            (Path(folder) / f"{name}.html").write_bytes(content)
        for name, says, of, size, scheme, script in SHOTS:
            browser = page.context.browser
            (DOCS / f"page-{name}.png").write_bytes(shoot(browser, Path(folder) / f"{of}.html", size, scheme, script))
            text += f"## {says}\n\n![{says}](page-{name}.png)\n\n"
    (DOCS / "page.md").write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
