"""One denoiser of many blocks, as three libraries write it: no level of it is a module that is called."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.u_nets import Made, TimedBlock
from tests.support.wirings import conv

TIMES, LEVELS, BLOCKS = 8, 4, 2


class Mixer(nn.Module):
    """In the place of attention: it adds to what it reads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = conv(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(x)


def down(width: int) -> nn.Module:
    return nn.Conv2d(width, width, 3, 2, 1)


def up(width: int) -> nn.Module:
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1))


class Base(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(1, TIMES), nn.SiLU(), nn.Linear(TIMES, TIMES))
        self.widths = [width * (level + 1) for level in range(LEVELS)]
        self.conv_in, self.conv_out = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        self.mid1, self.mid2 = (TimedBlock(self.widths[-1], self.widths[-1], TIMES) for _ in range(2))


class ListOfLists(Base):
    """After `denoising-diffusion-pytorch`: the mixer's residual is added in ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        widths = [self.widths[0], *self.widths]
        for level, (a, b) in enumerate(zip(widths, self.widths, strict=False)):
            smaller = down(b) if level < LEVELS - 1 else conv(b, b)
            self.downs.append(nn.ModuleList([TimedBlock(a, b, TIMES), TimedBlock(b, b, TIMES), conv(b, b, 1), smaller]))
        for level in reversed(range(LEVELS)):
            a, b = widths[level], self.widths[level]
            larger = up(a) if level else conv(a, a)
            blocks = TimedBlock(2 * b, b, TIMES), TimedBlock(2 * b, a, TIMES)
            self.ups.append(nn.ModuleList([*blocks, conv(a, a, 1), larger]))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        time, x, kept = self.time_mlp(time[:, None]), self.conv_in(x), []
        for stage in self.downs:
            first, second, mixer, smaller = cast("nn.ModuleList", stage)
            kept.append(x := first(x, time))
            x = second(x, time)
            kept.append(x := x + mixer(x))
            x = smaller(x)
        x = self.mid2(self.mid1(x, time), time)
        for stage in self.ups:
            first, second, mixer, larger = cast("nn.ModuleList", stage)
            x = first(torch.cat([x, kept.pop()], 1), time)
            x = second(torch.cat([x, kept.pop()], 1), time)
            x = larger(x + mixer(x))
        return self.conv_out(x)


class Bare(Base):
    """After the code of "Denoising Diffusion Probabilistic Models": a level is a module without ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        now, skips = self.widths[0], [self.widths[0]]
        for level, width in enumerate(self.widths):
            stage: Any = nn.Module()
            stage.block, stage.attn = nn.ModuleList(), nn.ModuleList()
            for _ in range(BLOCKS):
                stage.block.append(TimedBlock(now, width, TIMES))
                stage.attn.append(Mixer(width))
                now = width
                skips.append(now)
            if level < LEVELS - 1:
                stage.downsample = down(now)
                skips.append(now)
            self.down.append(stage)
        for level, width in reversed([*enumerate(self.widths)]):
            stage = nn.Module()
            stage.block, stage.attn = nn.ModuleList(), nn.ModuleList()
            for _ in range(BLOCKS + 1):
                stage.block.append(TimedBlock(now + skips.pop(), width, TIMES))
                stage.attn.append(Mixer(width))
                now = width
            if level:
                stage.upsample = up(now)
            self.up.insert(0, stage)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        time, kept = self.time_mlp(time[:, None]), [self.conv_in(x)]
        stage: Any
        for stage in self.down:
            for block, mixer in zip(stage.block, stage.attn, strict=True):
                kept.append(mixer(block(kept[-1], time)))
            if hasattr(stage, "downsample"):
                kept.append(stage.downsample(kept[-1]))
        x = self.mid2(self.mid1(kept[-1], time), time)
        for stage in reversed([*self.up]):
            for block, mixer in zip(stage.block, stage.attn, strict=True):
                x = mixer(block(torch.cat([x, kept.pop()], 1), time))
            if hasattr(stage, "upsample"):
                x = stage.upsample(x)
        return self.conv_out(x)


class Timed(nn.Sequential):
    """Gives the time to those of its parts that read it."""

    def forward(self, x: Tensor, time: Tensor) -> Tensor:  # type: ignore[override]
        for part in self:
            x = part(x, time) if isinstance(part, TimedBlock) else part(x)
        return x


class Join(nn.Module):
    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        return torch.cat([x, kept * 0.5], 1)


class OneList(Base):
    """After `guided-diffusion`: all blocks of a side are in one list. One module without parameters joins all skips."""

    def __init__(self) -> None:
        super().__init__()
        self.join = Join()
        self.input_blocks = nn.ModuleList([Timed(nn.Conv2d(3, self.widths[0], 3, padding=1))])
        self.output_blocks = nn.ModuleList()
        now, skips = self.widths[0], [self.widths[0]]
        for level, width in enumerate(self.widths):
            for _ in range(BLOCKS):
                self.input_blocks.append(Timed(TimedBlock(now, width, TIMES), Mixer(width)))
                now = width
                skips.append(now)
            if level < LEVELS - 1:
                self.input_blocks.append(Timed(down(now)))
                skips.append(now)
        for level, width in reversed([*enumerate(self.widths)]):
            for number in range(BLOCKS + 1):
                parts = [TimedBlock(now + skips.pop(), width, TIMES), Mixer(width)]
                self.output_blocks.append(Timed(*parts, *([up(width)] if level and number == BLOCKS else [])))
                now = width

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        time, kept = self.time_mlp(time[:, None]), []
        for block in self.input_blocks:
            kept.append(x := block(x, time))
        x = self.mid2(self.mid1(x, time), time)
        for block in self.output_blocks:
            x = block(self.join(x, kept.pop()), time)
        return self.conv_out(F.silu(x))


def _noise() -> tuple[Tensor, ...]:
    return torch.zeros(1, 3, 32, 32), torch.zeros(1)


STAGED: dict[str, Made] = {
    "list of lists": (ListOfLists, _noise),
    "bare": (Bare, _noise),
    "one list": (OneList, _noise),
}

__all__ = ["STAGED"]
