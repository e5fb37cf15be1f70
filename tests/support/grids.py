"""Models whose boxes form a grid of resolutions, small: what feeds what is that of the originals, widths are not."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.u_nets import Stages
from tests.support.wirings import NestedUNet, conv, image


class Backbone(Stages):
    """Stages of one width, from half the resolution on."""

    def __init__(self, width: int, stages: int) -> None:
        inputs = [3, *([width] * (stages - 1))]
        super().__init__(conv(channels, width, stride=2) for channels in inputs)


class Up(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(width, width, 2, 2)
        self.conv = conv(2 * width, width)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([self.up(x), skip], 1))


class BoxesOnSkips(nn.Module):
    """A box on the skip from each stage of a backbone: Hatamizadeh et al., UNETR, 2022."""

    def __init__(self, width: int = 4, stages: int = 4) -> None:
        super().__init__()
        self.backbone = Backbone(width, stages)
        self.stem = conv(3, width)
        self.lateral = nn.ModuleList(conv(width, width) for _ in range(stages))
        self.back = nn.ModuleList(Up(width) for _ in range(stages))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        skips = [self.stem(image), *(one(x) for one, x in zip(self.lateral, self.backbone(image), strict=True))]
        x = skips.pop()
        for up in self.back:
            x = up(x, skips.pop())
        return self.head(x)


class FeaturePyramid(nn.Module):
    """A path that expands beside one that contracts, with an output at each resolution: Lin et al., 2017."""

    def __init__(self, width: int = 4, stages: int = 4) -> None:
        super().__init__()
        self.stage = nn.ModuleList(conv(3 if k == 0 else width, width, stride=2) for k in range(stages))
        self.lateral = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(stages))
        self.head = nn.ModuleList(nn.Conv2d(width, k + 1, 3, padding=1) for k in range(stages))

    def forward(self, image: Tensor) -> list[Tensor]:
        found = []
        x = image
        for stage, lateral in zip(self.stage, self.lateral, strict=True):
            x = stage(x)
            found.append(lateral(x))
        for k in reversed(range(len(found) - 1)):
            found[k] = found[k] + F.interpolate(found[k + 1], scale_factor=2)
        return [head(x) for head, x in zip(self.head, found, strict=True)]


class Contracting(nn.Module):
    """A head at each resolution and no way back up: no grid."""

    def __init__(self, width: int = 4, stages: int = 4) -> None:
        super().__init__()
        self.stage = nn.ModuleList(conv(3 if k == 0 else width, width, stride=2) for k in range(stages))
        self.head = nn.ModuleList(nn.Conv2d(width, k + 1, 3, padding=1) for k in range(stages))

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for stage, head in zip(self.stage, self.head, strict=True):
            x = stage(x)
            found.append(head(x))
        return found


Made = tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]
GRIDS: dict[str, Made] = {
    "boxes on skips": (BoxesOnSkips, image),
    "nested": (NestedUNet, image),
    "pyramid": (FeaturePyramid, image),
}
NO_GRID: dict[str, Made] = {"contracting": (Contracting, image)}

__all__ = ["GRIDS", "NO_GRID"]
