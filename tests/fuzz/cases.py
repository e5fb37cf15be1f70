"""The cases of each fuzzer: a damaged input, and what ptgraph does with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from ptgraph.formats.options import Options
from ptgraph.formats.registry import FORMATS
from ptgraph.graph.model import ModelGraph
from tests.fuzz.mutations import mutated

Case = Callable[[Random, int], None]
OTHERS = ["html", "dot", "mermaid", "model-explorer", "graphml", "gexf", "cytoscape"]


def drawn(graph: ModelGraph, number: int) -> None:
    """Make the documents of a graph: JSON and a figure, and every so often one of the other formats."""
    from ptgraph.graph.view.build import views_kept

    with views_kept():
        for name in ["json", "svg", *([OTHERS[number // 8 % len(OTHERS)]] if number % 8 == 0 else [])]:
            for chunks in FORMATS[name].render(graph, Options()).values():
                for _ in chunks:
                    pass


def onnx_case(folder: Path) -> Case:
    from ptgraph.onnx.reading.read import read_target

    seeds = [path.read_bytes() for path in sorted(folder.glob("*.onnx"))]

    def run(random: Random, number: int) -> None:
        file = folder / "mutated" / "m.onnx"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(mutated(random.choice(seeds), random))
        drawn(read_target(file), number)

    return run


KINDS: dict[str, Callable[[Path], Case]] = {"onnx": onnx_case}
