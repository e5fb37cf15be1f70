"""A decoder with many outputs, small."""

from __future__ import annotations

from torch import Tensor, nn


class Layer(nn.Module):
    """A layer that yields its keys and values, too, as one with a cache does."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.mlp = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        keys, values = self.k(x), self.v(x)
        x = x + (self.q(x) @ keys.transpose(-1, -2)).softmax(-1) @ values
        return x + self.mlp(x), (keys, values)


class Decoder(nn.Module):
    """A decoder that yields its cache and the states between its layers."""

    def __init__(self, layers: int = 6) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(10, 8), nn.Linear(8, 10)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))

    def forward(self, ids: Tensor) -> dict[str, object]:
        x, cache, states = self.embed(ids), [], []
        for layer in self.layers:
            x, pair = layer(x)
            cache.append(pair)
            states.append(x)
        return {"logits": self.head(x), "cache": cache, "states": states}


__all__ = ["Decoder"]
