"""Models whose ONNX is compared with torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ptgraph.models import TransformerConfig, TransformerLM

SMALL = {
    "vocab_size": 96,
    "context_length": 64,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_layers": 3,
    "num_heads": 4,
    "num_kv_heads": 2,
    "head_dim": 12,
}


def transformer(**overrides: Any) -> TransformerLM:
    torch.manual_seed(0)
    return TransformerLM(TransformerConfig(**{**SMALL, **overrides})).eval()


class ConvNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(8, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.stem(image).mean((-1, -2)))


class Several(nn.Module):
    """Two named outputs, one of them a pair, from tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: torch.Tensor) -> dict[str, Any]:
        hidden = self.embedding(ids)
        return {"logits": self.head(hidden), "parts": hidden.chunk(2, -1)}


def models() -> dict[str, tuple[nn.Module, dict[str, torch.Tensor]]]:
    torch.manual_seed(0)
    ids = torch.randint(0, 96, (2, 16))
    encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return {
        "dense": (transformer(), {"input_ids": ids}),
        "sparse": (transformer(attention="sparse", index_top_k=4), {"input_ids": ids}),
        "tied head": (transformer(tie_embeddings=True), {"input_ids": ids}),
        "convolutions": (ConvNet(), {"image": torch.randn(2, 3, 8, 8)}),
        "lstm": (nn.LSTM(4, 5, batch_first=True), {"input": torch.randn(2, 3, 4)}),
        "encoder": (nn.TransformerEncoder(encoder, 2, enable_nested_tensor=False), {"src": torch.randn(2, 7, 16)}),
        "several outputs": (Several(), {"ids": torch.randint(0, 11, (2, 3))}),
    }
