"""The other tools, one process a run: ``python competitors.py TOOL MODEL DEVICE``. Each imports only what it needs.

MODEL is a preset, a preset and a number of layers (``medium:12``), or a folder with the config of a Llama. What a tool
writes goes into the current folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn


def load(name: str, device: str) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """Return a model on *device*, and the inputs that ptgraph would give it."""
    with torch.device(device):
        return _llama(Path(name)) if Path(name).is_dir() else _preset(*name.split(":"))


def _llama(folder: Path) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig.from_json_file(folder / "config.json")
    config.use_cache = False
    model: nn.Module = LlamaForCausalLM(config)
    return model.eval(), {"input_ids": torch.zeros(1, 16, dtype=torch.int64)}


def _preset(name: str, layers: str = "") -> tuple[nn.Module, dict[str, torch.Tensor]]:
    from ptgraph.models import build

    model = build(name, num_layers=int(layers)) if layers else build(name)
    return model.eval(), model.example_inputs()


def onnx(name: str, device: str) -> None:
    """Write the ONNX file as torch does by itself, weights and all."""
    model, inputs = load(name, device)
    torch.onnx.export(model, (), kwargs=inputs, dynamo=True, verbose=False, f="other.onnx")


def onnx_plain(name: str, device: str) -> None:
    """Write the ONNX file without optimising it, which would read the weights."""
    model, inputs = load(name, device)
    torch.onnx.export(model, (), kwargs=inputs, dynamo=True, optimize=False, verbose=False, f="other.onnx")


def onnx_unwritten(name: str, device: str) -> None:
    """Make the ONNX graph in memory only, neither optimised nor written."""
    model, inputs = load(name, device)
    torch.onnx.export(model, (), kwargs=inputs, dynamo=True, optimize=False, verbose=False)


def torchview(name: str, device: str) -> None:
    """Draw the graph as SVG."""
    _torchview(name, device).visual_graph.render(format="svg")


def torchview_graph(name: str, device: str) -> None:
    """Make the graph, and write it as text for Graphviz to draw."""
    _torchview(name, device).visual_graph.save()


def _torchview(name: str, device: str) -> Any:
    from torchview import draw_graph

    model, inputs = load(name, device)
    return draw_graph(model, input_data=inputs, device=device)


def torchlens(name: str, device: str) -> None:
    """Record every operation of a forward pass, and its result."""
    import torchlens

    model, inputs = load(name, device)
    torchlens.trace(model, None, inputs)


def torchlens_structure(name: str, device: str) -> None:
    """Record every operation of a forward pass, without values."""
    import torchlens
    from torchlens.options import CaptureOptions

    model, inputs = load(name, device)
    torchlens.trace(model, None, inputs, capture=CaptureOptions(structure_only=True))


TOOLS = {
    "onnx": onnx,
    "onnx-plain": onnx_plain,
    "onnx-unwritten": onnx_unwritten,
    "torchview": torchview,
    "torchview-graph": torchview_graph,
    "torchlens": torchlens,
    "torchlens-structure": torchlens_structure,
}

if __name__ == "__main__":
    tool, model_name, device_name = sys.argv[1:]
    TOOLS[tool](model_name, device_name)
