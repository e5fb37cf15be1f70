"""Feature pyramids with heads on each of their levels, small."""

from __future__ import annotations

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


__all__ = ["Head", "Pyramid"]
