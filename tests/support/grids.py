"""Models whose boxes form a grid of resolutions, small: what feeds what is that of the originals, widths are not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.u_nets import Encoder, Stages
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


class DeepDecoder(nn.Module):
    """A path that expands, with an output at each level, the finest first: Isensee et al., nnU-Net, 2021."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        pairs = [*pairwise(reversed(widths))]
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairs)
        self.stage = nn.ModuleList(conv(2 * b, b) for _, b in pairs)
        self.seg = nn.ModuleList(nn.Conv2d(b, 2, 1) for _, b in pairs)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        x, *skips = reversed(features)
        found = []
        for up, stage, seg, skip in zip(self.up, self.stage, self.seg, skips, strict=True):
            x = stage(torch.cat([up(x), skip], 1))
            found.append(seg(x))
        return found[::-1]


class DenseDecoder(nn.Module):
    """The nested skips of a UNet++ in a module of their own, one step of a row in each block."""

    def __init__(self, width: int, stages: int) -> None:
        super().__init__()
        self.stages = stages
        for step in range(1, stages):
            for row in range(stages - step):
                setattr(self, f"block{row}_{step}", conv((step + 1) * width, width))

    def forward(self, features: list[Tensor]) -> Tensor:
        rows = [[feature] for feature in features]
        for step in range(1, self.stages):
            for row in range(self.stages - step):
                up = F.interpolate(rows[row + 1][-1], scale_factor=2)
                rows[row].append(getattr(self, f"block{row}_{step}")(torch.cat([*rows[row], up], 1)))
        return rows[0][-1]


class Segment(nn.Module):
    """A value of one resolution, at that of the finest."""

    def __init__(self, width: int, times: int, convs: int = 1) -> None:
        super().__init__()
        self.block, self.times = nn.Sequential(*(conv(width, width) for _ in range(convs))), times

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.block(x), scale_factor=float(self.times))


class Merge(nn.Module):
    def forward(self, values: list[Tensor]) -> Tensor:
        return torch.stack(values).sum(0)


class PyramidDecoder(nn.Module):
    """A pyramid whose levels come together at the finest resolution: Kirillov et al., Panoptic FPN, 2019.

    *alike*: it does the same at each level, and else more at the coarser ones.
    """

    def __init__(self, width: int, stages: int, *, alike: bool) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(stages))
        self.segment = nn.ModuleList(Segment(width, 2**k, 1 if alike else k + 1) for k in range(stages))
        self.merge = Merge()

    def forward(self, features: list[Tensor]) -> Tensor:
        found = [lateral(feature) for lateral, feature in zip(self.lateral, features, strict=True)]
        for k in reversed(range(len(found) - 1)):
            found[k] = found[k] + F.interpolate(found[k + 1], scale_factor=2)
        return self.merge([segment(x) for segment, x in zip(self.segment, found, strict=True)])


class InTwo(nn.Module):
    """An encoder that gives the values of all its stages to a decoder."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, head: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head = encoder, decoder, head or nn.Identity()

    def forward(self, x: Tensor) -> Any:
        found = self.decoder(self.encoder(x))
        return found if isinstance(found, list) else self.head(found)


class Branches(nn.Module):
    """A convolution at each of several resolutions, and each value then the sum of all."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.branch = nn.ModuleList(conv(width, width) for _ in range(count))

    def forward(self, values: list[Tensor]) -> list[Tensor]:
        values = [branch(x) for branch, x in zip(self.branch, values, strict=True)]
        sizes = [x.shape[2:] for x in values]
        return [torch.stack([F.interpolate(x, size=size) for x in values]).sum(0) for size in sizes]


class HighResolution(nn.Module):
    """Stages with one more resolution each, side by side: Wang et al., "Deep High-Resolution Representation", 2019."""

    def __init__(self, width: int = 4, stages: int = 3) -> None:
        super().__init__()
        self.stem = conv(3, width)
        self.transition = nn.ModuleList(conv(width, width, stride=2) for _ in range(stages))
        self.stage = nn.ModuleList(Branches(width, k + 2) for k in range(stages))
        self.head = nn.ModuleList(conv(width, width, 1) for _ in range(stages + 1))
        self.down = nn.ModuleList(conv(width, width, stride=2) for _ in range(stages))
        self.out = nn.Conv2d(width, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        values = [self.stem(image)]
        for transition, stage in zip(self.transition, self.stage, strict=True):
            values = stage([*values, transition(values[-1])])
        first, *others = (head(x) for head, x in zip(self.head, values, strict=True))
        for down, x in zip(self.down, others, strict=True):
            first = x + down.forward(first)  # not called, but for its layers
        return self.out(first)


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
    "outputs of levels": (lambda: InTwo(Encoder([4, 8, 12, 16]), DeepDecoder([4, 8, 12, 16])), image),
    "nested in two": (lambda: InTwo(Backbone(4, 4), DenseDecoder(4, 4), nn.Conv2d(4, 2, 1)), image),
    "pyramid in two": (lambda: InTwo(Backbone(4, 4), PyramidDecoder(4, 4, alike=True), nn.Conv2d(4, 2, 1)), image),
    "merged pyramid": (lambda: InTwo(Backbone(4, 4), PyramidDecoder(4, 4, alike=False), nn.Conv2d(4, 2, 1)), image),
    "resolutions side by side": (HighResolution, image),
}
NO_GRID: dict[str, Made] = {"contracting": (Contracting, image)}

__all__ = ["GRIDS", "NO_GRID"]
