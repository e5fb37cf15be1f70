"""A model small enough to run a hundred times, with every size different from every other."""

from typing import Any

import torch

from ptgraph.models import TransformerConfig, TransformerLM

SIZES: dict[str, Any] = {
    "vocab_size": 61,
    "context_length": 48,
    "hidden_size": 40,
    "intermediate_size": 56,
    "num_layers": 3,
    "num_heads": 6,
    "num_kv_heads": 2,
    "head_dim": 12,
    "index_heads": 4,
    "index_head_dim": 8,
    "index_top_k": 5,
}


def make(**overrides: Any) -> TransformerLM:
    """A small model, the same every time, with weights large enough for attention to have preferences."""
    torch.manual_seed(0)
    model = TransformerLM(TransformerConfig(**SIZES | overrides))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    return model


def tokens(batch: int = 2, sequence: int = 20, seed: int = 1) -> torch.Tensor:
    """Random token ids `[batch, sequence]`."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(SIZES["vocab_size"], (batch, sequence), generator=generator)
