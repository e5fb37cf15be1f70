"""The cases of each fuzzer: a damaged input, and what ptgraph does with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from ptgraph.formats.options import Options
from ptgraph.formats.registry import FORMATS
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import views_kept
from tests.fuzz import values
from tests.fuzz.mutations import mutated

Case = Callable[[Random, int], None]
OTHERS = ["html", "dot", "mermaid", "model-explorer", "graphml", "gexf", "cytoscape"]
COMMON: dict[str, Any] = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
COMMON |= {"intermediate_size": 48, "max_position_embeddings": 40}
CONFIGS: list[dict[str, Any]] = [
    {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "type_vocab_size": 2, **COMMON},
    {"model_type": "llama", "num_key_value_heads": 2, "head_dim": 8, "rms_norm_eps": 1e-6, **COMMON},
    {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 40, "vocab_size": 50},
    {"model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2, "num_key_value_heads": 2, **COMMON},
    {"model_type": "vit", "image_size": 32, "patch_size": 8, "num_channels": 3, **COMMON},
    {"model_type": "t5", "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "vocab_size": 50},
    {
        "model_type": "clip",
        "projection_dim": 16,
        "text_config": {**COMMON, "eos_token_id": 2},
        "vision_config": {**COMMON, "image_size": 32, "patch_size": 8},
    },
    {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
]


def drawn(graph: ModelGraph, number: int, options: Options = Options()) -> None:  # noqa: B008 (frozen)
    """Make the documents of a graph: JSON and a figure, and every so often one of the other formats."""
    with views_kept():
        for name in ["json", "svg", *([OTHERS[number // 8 % len(OTHERS)]] if number % 8 == 0 else [])]:
            for chunks in FORMATS[name].render(graph, options).values():
                for _ in chunks:
                    pass


def onnx_case(folder: Path) -> Case:
    """ONNX files that are mutated, read and drawn."""
    from ptgraph.onnx.reading.read import read_target

    seeds = [path.read_bytes() for path in sorted(folder.glob("*.onnx"))]
    (folder / "mutated").mkdir(exist_ok=True)

    def run(random: Random, number: int) -> None:
        file = folder / "mutated" / "m.onnx"
        file.write_bytes(mutated(random.choice(seeds), random))
        drawn(read_target(file), number)

    return run


def config_case(folder: Path) -> Case:
    """Configs of transformers with other values, which are built."""
    from ptgraph.loading.target import load

    first = folder / "first.json"
    first.write_text(json.dumps(CONFIGS[0]))
    load(str(first))  # the imports, which take seconds

    def run(random: Random, number: int) -> None:
        file = folder / "config.json"
        file.write_text(values.config(CONFIGS[number % len(CONFIGS)], random), encoding="utf-8", errors="surrogatepass")
        load(str(file))

    return run


def inputs_case(folder: Path) -> Case:
    """Texts of --input for a model that takes one."""
    from ptgraph.loading.target import load

    (folder / "fuzzed_net.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x, y=None): return x\n"
    )

    def run(random: Random, number: int) -> None:
        load(f"{folder}/fuzzed_net.py:Net", values.specs(random))

    return run


def overlay_case(folder: Path) -> Case:
    """Overlay files for a page."""
    from ptgraph.onnx.reading.read import graph_of_model
    from ptgraph.page.overlay import match
    from ptgraph.page.overlay_files import read_overlays
    from tests.fuzz.seeds import small_models

    graph = graph_of_model(small_models()["convolutions"], "m")
    paths = [*graph.components, *graph.of_kind("op")]

    def run(random: Random, number: int) -> None:
        ending, data = values.overlay(paths, random)
        file = folder / f"overlay{ending}"
        file.write_bytes(data)
        kept, _ = match(read_overlays([file]), graph)
        for chunks in FORMATS["html"].render(graph, Options(overlays=kept)).values():
            for _ in chunks:
                pass

    return run


KINDS: dict[str, Callable[[Path], Case]] = {
    "onnx": onnx_case,
    "config": config_case,
    "inputs": inputs_case,
    "overlay": overlay_case,
}
