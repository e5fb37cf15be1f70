"""The figures of many models, as ``-f svg`` writes them: ``make gallery`` writes docs/gallery.md and docs/gallery/."""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptgraph.drawing.shapes import Drawing, Text
from ptgraph.drawing.svg import write
from ptgraph.figure.compose import figure
from ptgraph.figure.options import PAGE_WIDTH
from ptgraph.graph.labels import count_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import BOX_LIMIT
from ptgraph.loading.target import load
from ptgraph.models import PRESETS
from ptgraph.tracing.build_graph import graph_of
from tests.support.architectures import CONFIGS, GEMMA_3
from tests.support.figure_checks import check
from tests.support.figure_truth import torn

DOCS = Path(__file__).resolve().parents[1] / "docs"
SMALLEST, SECONDS = 6.0, 1.0  # points; how long a figure may take to lay out
MILLIMETRES = 25.4 / 72

# Name → what it is called, in the order of the page.
ARCHITECTURES = {
    "gpt2": "GPT-2",
    "llama-80x8192": "Llama, 80 layers of 8192",
    "qwen3": "Qwen3",
    "gemma3": "Gemma 3",
    "mixtral": "Mixtral",
    "deepseek_v3": "DeepSeek-V3",
    "mamba": "Mamba",
    "bert": "BERT",
    "t5": "T5",
    "whisper": "Whisper",
    "clip": "CLIP",
    "vit": "ViT",
    "swin": "Swin",
    "convnext": "ConvNeXt",
    "resnet": "ResNet",
}

TEXT = """# Gallery

These are the figures that `ptgraph export TARGET -f svg` writes without further options. The models are the presets of
the Pure Transformer, and architectures of `transformers`, most with their default configs. Each figure has at most 60
boxes, no overlaps, a width of at most 174 mm (a page), and no text under 6 pt. `make gallery` draws them.
"""


@dataclass(frozen=True)
class Figure:
    """A figure of the gallery, and what is said of it."""

    name: str
    title: str
    parameters: int
    drawing: Drawing
    missing: tuple[str, ...]

    @property
    def boxes(self) -> int:
        return sum(item.kind.startswith(("box", "sign")) for item in self.drawing.items)

    @property
    def smallest(self) -> float:
        """The size of the smallest text, in points."""
        return min(mark.size for item in self.drawing.items for mark in item.marks if isinstance(mark, Text))

    def svg(self) -> bytes:
        return write(self.drawing, self.name).encode()

    def entry(self) -> str:
        """Return what docs/gallery.md says of it."""
        width, height = (round(length * MILLIMETRES) for length in (self.drawing.width, self.drawing.height))
        facts = f"{count_text(self.parameters)} parameters, {self.boxes} boxes, {width} × {height} mm"
        return f"""
## {self.title}

{facts}, smallest text {self.smallest:.1f} pt

![The figure of {self.title}](gallery/{self.name}.svg)
"""

    def problems(self, seconds: float) -> list[str]:
        """Return what is wrong with it."""
        found = list(self.missing)
        try:
            check(self.drawing, widest=PAGE_WIDTH / MILLIMETRES, smallest=SMALLEST)
        except AssertionError as error:
            found.append(f"its geometry is wrong: {error}")
        if self.boxes > BOX_LIMIT:
            found.append(f"it has {self.boxes} boxes")
        if seconds >= SECONDS:
            found.append(f"it took {seconds:.2f} s to lay out")
        return found


def figure_of(name: str, title: str, graph: ModelGraph) -> Figure:
    """Return the figure of *graph*."""
    drawing = figure(graph)
    return Figure(name, title, graph.component("").total_params, drawing, tuple(torn(graph, drawing)))


def graphs() -> Iterator[tuple[str, str, ModelGraph]]:
    """Yield the name, the title and the graph of each model, in the order of the page."""
    for name in PRESETS:
        yield name, name, graph_of(load(name))
    configs: dict[str, Any] = {**CONFIGS, "gemma3": GEMMA_3}
    with tempfile.TemporaryDirectory() as folder:
        for name, title in ARCHITECTURES.items():
            configs[name].save_pretrained(f"{folder}/{name}")
            yield name, title, graph_of(load(f"{folder}/{name}"))


def main() -> None:
    """Draw all, write them, print the time of each, and fail if one has a problem."""
    folder = DOCS / "gallery"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    text, wrong = TEXT, []
    for name, title, graph in graphs():
        gc.freeze()  # what earlier figures left is no work of this one
        start = time.perf_counter()
        drawn = figure_of(name, title, graph)
        seconds = time.perf_counter() - start
        (folder / f"{name}.svg").write_bytes(drawn.svg())
        text += drawn.entry()
        found = drawn.problems(seconds)
        wrong += [f"{name}: {problem}" for problem in found]
        print(f"{name}: {drawn.boxes} boxes, {seconds:.2f} s{''.join(f', {problem}' for problem in found)}", flush=True)
    (DOCS / "gallery.md").write_text(text, encoding="utf-8")
    if wrong:
        sys.exit("\n".join(["", "figures that are not good enough:", *wrong]))


if __name__ == "__main__":
    main()
