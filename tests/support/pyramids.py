"""Feature pyramids with heads on each of their levels, small."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """What is in one place of a feature map, and where."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.tower = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
        self.classes, self.places = nn.Conv2d(width, 3, 1), nn.Conv2d(width, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.tower(x)
        return self.classes(x), self.places(x)


class Pyramid(nn.Module):
    """A backbone, the levels of a pyramid, and heads: one that is *shared*, as in RetinaNet, or one for each level."""

    def __init__(self, *, shared: bool, levels: int = 4) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(8 * 2**k if k else 3, 16 * 2**k, 3, 2, 1), nn.ReLU()) for k in range(levels)
        )
        self.lateral = nn.ModuleList(nn.Conv2d(16 * 2**k, 16, 1) for k in range(levels))
        self.head = Head() if shared else nn.ModuleList(Head() for _ in range(levels))
        self.shared = shared

    def forward(self, x: Tensor) -> dict[str, list[Tensor]]:
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        levels: list[Tensor] = []
        for lateral, level in zip(reversed([*self.lateral]), found[::-1], strict=True):
            same = lateral(level)
            levels.insert(0, same + nn.functional.interpolate(levels[0], scale_factor=2.0) if levels else same)
        heads = [self.head] * len(levels) if self.shared else [*self.head]  # type: ignore[misc]  # a ModuleList
        pairs = [head(level) for head, level in zip(heads, levels, strict=True)]
        return {"classes": [classes for classes, _ in pairs], "places": [places for _, places in pairs]}


class Conv(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.BatchNorm2d(outputs), nn.SiLU())


class Stage(Conv):
    """A layer of another class."""


class Concat(nn.Module):
    def forward(self, *levels: Tensor) -> Tensor:
        return torch.cat(levels, 1)


class Detect(nn.Module):
    """Three heads, whose results are one value."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv2d(width, 6, 1) for width in widths)

    def forward(self, *levels: Tensor) -> Tensor:
        return torch.cat([head(level).flatten(2) for head, level in zip(self.heads, levels, strict=True)], -1)


class Detector(nn.Module):
    """Layers in one list, as in YOLO: the backbone is 0–9, the neck goes up in 10–15 and down in 16–21, 22 detects."""

    SOURCES: ClassVar = {11: (10, 6), 14: (13, 4), 17: (16, 12), 20: (19, 9), 22: (15, 18, 21)}

    def __init__(self, w: int = 8) -> None:
        super().__init__()
        backbone = [Conv(3, w, 2), Conv(w, w, 2), Stage(w, w), Conv(w, w, 2), Stage(w, w)]
        backbone += [Conv(w, w, 2), Stage(w, w), Conv(w, w, 2), Stage(w, w), Stage(w, w)]
        neck: list[nn.Module] = [nn.Upsample(scale_factor=2), Concat(), Stage(2 * w, w)]
        neck += [nn.Upsample(scale_factor=2), Concat(), Stage(2 * w, w)]
        neck += [Conv(w, w, 2), Concat(), Stage(2 * w, w), Conv(w, w, 2), Concat(), Stage(2 * w, w)]
        self.model = nn.Sequential(*backbone, *neck, Detect((w, w, w)))

    def forward(self, x: Tensor) -> Tensor:
        found: list[Tensor] = []
        for number, layer in enumerate(self.model):
            sources = self.SOURCES.get(number)
            found.append(layer(*(found[source] for source in sources)) if sources else layer(found[-1] if found else x))
        return found[-1]


__all__ = ["Detector", "Head", "Pyramid"]
