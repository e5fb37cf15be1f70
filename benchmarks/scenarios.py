"""The scenarios: the commands that each one measures, named as in the report, and which are compared."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRESETS = ("tiny", "small", "medium")
LAYERS = (12, 24, 48, 96)
LAYERS_OF_TORCH = (12, 24)
LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 80,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
}

NAME_OF_LLAMA = "Llama 80 × 8192"

OURS = "all formats"
WEIGHTS = "all formats, `--weights external`"
SVG = "`-f svg`"
JSON = "`-f json`"
TORCH = "`torch.onnx.export`"
TORCH_PLAIN = "`torch.onnx.export(optimize=False)` on meta"
TORCH_UNWRITTEN = "`torch.onnx.export(optimize=False)` on meta, no file"
VIEW = "torchview on meta, SVG"
VIEW_GRAPH = "torchview on meta, not drawn"
LENS = "torchlens"
LENS_STRUCTURE = "torchlens on meta, structure only"

FILES = "the files of all viewers"  # made before they are measured, so with more time
LIMITS = {FILES: 600}
PAGE = "ptgraph"
EXPLORER = "Model Explorer"
PYVIS = "plain pyvis"
NETRON = "Netron, ONNX of ptgraph"
NETRON_FLAT = "Netron, flat ONNX"
SYNTHETIC = "synthetic"

Commands = dict[tuple[str, str], list[str]]  # by model and name


def ours(target: str, *options: str) -> list[str]:
    """Return the command that exports *target*."""
    return [sys.executable, "-m", "ptgraph", "export", target, "-q", "-o", ".", *options]


def theirs(tool: str, model: str, device: str = "cpu") -> list[str]:
    """Return the command that runs another tool on *model*."""
    return [sys.executable, str(HERE / "competitors.py"), tool, model, device]


def onnx_export(folder: Path) -> Commands:
    """All four files against the ONNX file alone."""
    commands: Commands = {}
    for preset in PRESETS:
        commands[preset, OURS] = ours(preset)
        commands[preset, WEIGHTS] = ours(preset, "--weights", "external")
        commands[preset, TORCH] = theirs("onnx", preset)
        commands[preset, TORCH_UNWRITTEN] = theirs("onnx-unwritten", preset, "meta")
    return commands


def graph_tools(folder: Path) -> Commands:
    """One file against the tool that makes such a thing."""
    commands: Commands = {}
    for preset in PRESETS:
        commands[preset, SVG] = ours(preset, "-f", "svg")
        commands[preset, VIEW] = theirs("torchview", preset, "meta")
        commands[preset, VIEW_GRAPH] = theirs("torchview-graph", preset, "meta")
        commands[preset, JSON] = ours(preset, "-f", "json")
        commands[preset, LENS] = theirs("torchlens", preset)
        commands[preset, LENS_STRUCTURE] = theirs("torchlens-structure", preset, "meta")
    return commands


def large_model(folder: Path) -> Commands:
    """A model that does not fit into memory."""
    config = _llama(folder)
    return {
        (NAME_OF_LLAMA, OURS): ours(config),
        (NAME_OF_LLAMA, TORCH_PLAIN): theirs("onnx-plain", config, "meta"),
        (NAME_OF_LLAMA, TORCH_UNWRITTEN): theirs("onnx-unwritten", config, "meta"),
    }


def _llama(folder: Path) -> str:
    config = folder / "llama"
    config.mkdir()
    (config / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    return str(config)


def depth(folder: Path) -> Commands:
    """The same model with more and more layers."""
    commands: Commands = {}
    for layers in LAYERS:
        commands[str(layers), OURS] = ours(f"{HERE / 'depth_variants.py'}:layers_{layers}")
        if layers in LAYERS_OF_TORCH:
            commands[str(layers), TORCH] = theirs("onnx", f"medium:{layers}")
    return commands


def viewers(folder: Path) -> Commands:
    """The page in a browser, beside other viewers of the same graph; ptgraph writes no ONNX of the synthetic one."""
    commands: Commands = {}
    models = {"tiny": "tiny", "medium": "medium", NAME_OF_LLAMA: _llama(folder), SYNTHETIC: "synthetic"}
    for number, (model, target) in enumerate(models.items()):
        files = {name: file for name, file in VIEWED.items() if (model, name) != (SYNTHETIC, NETRON)}
        formats = [file for _, file in files.values()]
        place = folder / f"graph{number}"
        commands[model, FILES] = [sys.executable, "-m", "benchmarks.viewer_inputs", target, str(place), *formats]
        for name, (viewer, file) in files.items():
            path = str(place / f"graph.{file}")
            commands[model, name] = [sys.executable, "-m", "benchmarks.browser_timer", viewer, path]
    return commands


# The viewers of the scenario ``viewers``: which of ``viewers.VIEWERS``, and the file that it opens.
VIEWED = {
    PAGE: ("ptgraph", "html"),
    EXPLORER: ("model-explorer", "model-explorer.json"),
    PYVIS: ("pyvis", "pyvis.html"),
    NETRON: ("netron", "onnx"),
    NETRON_FLAT: ("netron", "flat.onnx"),
}


@dataclass(frozen=True)
class Scenario:
    """What is measured together: a section of the report."""

    title: str
    commands: Callable[[Path], Commands]  # given a folder for the files that they need
    pairs: tuple[tuple[str, str], ...] = ()  # the commands of ptgraph and another tool that are compared, on each model


# Name → scenario, in the order of the report.
SCENARIOS = {
    "onnx-export": Scenario(
        "Against torch.onnx.export",
        onnx_export,
        ((OURS, TORCH), (OURS, TORCH_UNWRITTEN), (WEIGHTS, TORCH)),
    ),
    "graph-tools": Scenario(
        "Against torchview and torchlens",
        graph_tools,
        ((SVG, VIEW), (SVG, VIEW_GRAPH), (JSON, LENS), (JSON, LENS_STRUCTURE)),
    ),
    "large-model": Scenario(
        "A model of 70 billion parameters",
        large_model,
        ((OURS, TORCH_PLAIN), (OURS, TORCH_UNWRITTEN)),
    ),
    "depth": Scenario("Growth with the number of layers", depth),
    "viewers": Scenario("The page, beside other viewers", viewers),
}
