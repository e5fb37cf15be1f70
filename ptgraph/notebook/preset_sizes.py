"""Sizes of the presets: parameters, FLOPs per token, key-value cache and memory to train."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from ptgraph.graph.model import ModelGraph

BYTES_TO_TRAIN = 16  # of a parameter: its value, its gradient and the two moments of Adam, in float32


@dataclass(frozen=True)
class Size:
    """The size of one model.

    ``flops_per_token`` are the FLOPs of the forward pass per token; ``cache_bytes_per_token`` are the bytes of a token
    in the key-value cache; ``training_bytes`` are the bytes of parameters, gradients and Adam's moments in float32,
    without activations.
    """

    name: str
    parameters: int
    flops_per_token: float
    cache_bytes_per_token: int
    training_bytes: int


def preset_sizes(presets: Iterable[str] | None = None) -> list[Size]:
    """Return the sizes of presets of the Pure Transformer (default: all), each traced on ``meta``.

    Raises ValueError for a preset that does not exist.
    """
    from ptgraph.loading.target import load
    from ptgraph.models import PRESETS
    from ptgraph.tracing.build_graph import graph_of

    return [_size(graph_of(load(name)), name) for name in (PRESETS if presets is None else presets)]


def _size(graph: ModelGraph, preset: str) -> Size:
    from ptgraph.models import KVCache, build

    root = graph.component("")
    tokens = math.prod(size for size in graph.op(graph.of_kind("input")[0]).shape or () if isinstance(size, int))
    with torch.device("meta"):
        model = build(preset)
        cache = KVCache(model.config.num_layers)
        model(torch.zeros(1, 1, dtype=torch.int64), cache=cache)
    kept = sum(t.numel() * t.element_size() for layer in cache.layers for t in layer.tensors.values())
    return Size(preset, root.total_params, root.flops / tokens, kept, root.trainable_params * BYTES_TO_TRAIN)


__all__ = ["BYTES_TO_TRAIN", "Size", "preset_sizes"]
