"""Models that repeat themselves in the ways of well-known ones: in a row, in parallel, and nearly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

WIDTH = 16


class FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor) -> Any:
        return self.net(x)


class Attention(nn.Module):
    """One head; with a *window*, each place sees only those less than that far after it."""

    def __init__(self, window: int | None = None) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.window = window

    def forward(self, x: Tensor) -> Any:
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        scores = q @ k.transpose(-1, -2)
        if self.window is not None:
            scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(self.window), -1e9)
        return self.out(scores.softmax(-1) @ v)


class Pairs(nn.Module):
    """Attention and feed-forward in lists, wired by the model: as vit-pytorch has it."""

    def __init__(self, depth: int = 6) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.ModuleList([Attention(), FeedForward()]) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        for pair in self.layers:
            x = pair[0](x) + x  # type: ignore[index]
            x = pair[1](x) + x  # type: ignore[index]
        return x


class Block(nn.Module):
    """A block of a transformer; it hands on a second value unless it is the *last*, and may cast what it yields."""

    def __init__(self, *, last: bool = True, window: int | None = None, cast: bool = False) -> None:
        super().__init__()
        self.attention = Attention(window)
        self.feed_forward = FeedForward()
        self.last = last
        self.cast = cast

    def forward(self, x: Tensor) -> Any:
        x = x + self.attention(x)
        x = x + self.feed_forward(x)
        if self.cast:
            x = x.to(torch.float32, copy=True)
        return x if self.last else (x, x.mean(-1))


class Blocks(nn.Module):
    """Blocks in a row, each with its own settings."""

    def __init__(self, *settings: dict[str, Any]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(**each) for each in settings)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            found = block(x)
            x = found[0] if isinstance(found, tuple) else found
        return x


class Streams(nn.Module):
    """Two streams through all blocks, of which one ends before the last: as in CogVideoX."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.image, self.text = FeedForward(), FeedForward()

        def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            return x + self.image(x + y), y + self.text(y)

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(self.Block() for _ in range(4))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        for block in self.blocks:
            x, y = block(x, y)
        return x


class Residual(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Any:
        return x + self.inner(x)


class Residuals(nn.Sequential):
    """One class around two others in turn: as in LeViT."""

    def __init__(self) -> None:
        super().__init__(*(Residual(Attention() if k % 2 == 0 else FeedForward()) for k in range(8)))


class Siamese(nn.Module):
    """One encoder for two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = nn.Sequential(FeedForward(), FeedForward()), nn.Linear(2 * WIDTH, 1)

    def forward(self, left: Tensor, right: Tensor) -> Any:
        return self.head(torch.cat([self.encoder(left), self.encoder(right)], -1))


class Experts(nn.Module):
    """Experts in a loop, each with its own weight: their results are added up from zeros, or stacked."""

    def __init__(self, count: int = 8, *, stacked: bool = False) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(WIDTH, count), nn.ModuleList(FeedForward() for _ in range(count))
        self.stacked = stacked

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gate(x).softmax(-1)
        if self.stacked:
            return (torch.stack([expert(x) for expert in self.experts], -1) * weights.unsqueeze(-2)).sum(-1)
        y = torch.zeros_like(x)
        for k, expert in enumerate(self.experts):
            y = y + weights[..., k : k + 1] * expert(x)
        return x + y


class Ensemble(nn.Module):
    """The mean of several networks, by Python's ``sum``."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(FeedForward() for _ in range(5))

    def forward(self, x: Tensor) -> Any:
        return sum(member(x) for member in self.members) / 5


class ScaleHeads(nn.Module):
    """Heads on four scales of an image: one module each, or the same for all."""

    def __init__(self, *, shared: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.downs = nn.ModuleList(nn.Conv2d(8, 8, 3, stride=2, padding=1) for _ in range(3))
        count = 1 if shared else 4
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1)) for _ in range(count)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        scales = [self.stem(image)]
        for down in self.downs:
            scales.append(down(scales[-1]).relu())
        return [self.heads[k % len(self.heads)](scale) for k, scale in enumerate(scales)]


class Projections(nn.Module):
    """Queries, keys and values by entries of one list, which are no copies of each other: as annotated transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: Tensor) -> Any:
        q, k, v = (linear(x) for linear in self.linears[:3])
        return self.linears[3]((q @ k.transpose(-1, -2)).softmax(-1) @ v)


class SkipSum(nn.Module):
    """Blocks in a row that each add to a sum, too: as in WaveNet."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(FeedForward() for _ in range(5))
        self.skips = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(5))

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for block, skip in zip(self.blocks, self.skips, strict=True):
            x = block(x)
            total = total + skip(x)
        return total


class Timed(nn.Module):
    """Stages of two equal blocks that all read one value, which most have as a stub: as in DDPM."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.time = FeedForward(), nn.Linear(WIDTH, WIDTH)

        def forward(self, x: Tensor, time: Tensor) -> Any:
            return self.inner(x + self.time(time))

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.stages = nn.ModuleList(nn.ModuleList(self.Block() for _ in range(2)) for _ in range(5))
        self.between = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(5))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        time = self.embedding(time)
        bounds = torch.relu, torch.tanh, torch.sigmoid, torch.sin, torch.cos  # so that no stages in a row repeat
        for k, bound in enumerate(bounds):
            for block in self.stages[k]:  # type: ignore[attr-defined]
                x = block(x, time)
            x = bound(self.between[k](x))
        return x


def sequence() -> Tensor:
    return torch.randn(2, 5, WIDTH)


MODELS: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
    "pairs": (Pairs(), (sequence(),)),
    "last has less": (Blocks({"last": False}, {"last": False}, {"last": False}, {"last": False}, {}), (sequence(),)),
    "streams": (Streams(), (sequence(), sequence())),
    "last casts": (Blocks({}, {}, {}, {}, {"cast": True}), (sequence(),)),
    "windows": (Blocks({"window": 3}, {}, {"window": 3}, {}, {"window": 3}, {}), (sequence(),)),
    "residuals": (Residuals(), (sequence(),)),
    "siamese": (Siamese(), (sequence(), sequence())),
    "experts": (Experts(), (sequence(),)),
    "stacked experts": (Experts(stacked=True), (sequence(),)),
    "ensemble": (Ensemble(), (sequence(),)),
    "heads": (ScaleHeads(), (torch.randn(1, 3, 64, 64),)),
    "shared head": (ScaleHeads(shared=True), (torch.randn(1, 3, 64, 64),)),
    "projections": (Projections(), (sequence(),)),
    "skip sum": (SkipSum(), (sequence(),)),
    "timed": (Timed(), (sequence(), sequence())),
}
