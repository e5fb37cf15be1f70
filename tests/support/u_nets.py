"""U-Nets as different libraries write them, small: what feeds what is that of the originals, widths are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.wirings import conv, double, image


class Flat(nn.Module):
    """All in one module: encoder1, pool1, …, bottleneck, upconv3, the concatenation, decoder3, …"""

    def __init__(self, width: int = 4, levels: int = 3) -> None:
        super().__init__()
        self.levels = range(1, levels + 1)
        inputs = 3
        for level in self.levels:
            setattr(self, f"encoder{level}", double(inputs, width))
            setattr(self, f"pool{level}", nn.MaxPool2d(2))
            inputs, width = width, 2 * width
        self.bottleneck = double(inputs, width)
        for level in reversed(self.levels):
            setattr(self, f"upconv{level}", nn.ConvTranspose2d(width, width // 2, 2, 2))
            setattr(self, f"decoder{level}", double(width, width // 2))
            width //= 2
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for level in self.levels:
            skips.append(getattr(self, f"encoder{level}")(x))
            x = getattr(self, f"pool{level}")(skips[-1])
        x = self.bottleneck(x)
        for level in reversed(self.levels):
            x = torch.cat([getattr(self, f"upconv{level}")(x), skips[level - 1]], 1)
            x = getattr(self, f"decoder{level}")(x)
        return self.head(x).sigmoid()


class Stages(nn.Module):
    """A path that contracts, in one module, with the values of all its stages."""

    def __init__(self, stages: Iterable[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found


class Encoder(Stages):
    def __init__(self, widths: list[int]) -> None:
        pairs = zip([3, *widths], widths, strict=False)
        super().__init__(nn.Sequential(conv(a, b, stride=2), conv(b, b)) for a, b in pairs)


class DecoderBlock(nn.Module):
    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(inputs + skip, outputs), conv(outputs, outputs)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0)
        return self.conv2(self.conv1(x if skip is None else torch.cat([x, skip], 1)))


class Decoder(nn.Module):
    def __init__(self, widths: list[int], block: type[DecoderBlock] = DecoderBlock) -> None:
        super().__init__()
        around = zip(widths[:0:-1], [*widths[-2::-1]], strict=True)
        self.blocks = nn.ModuleList([*(block(a, b, b) for a, b in around), block(widths[0], 0, 4)])

    def forward(self, features: list[Tensor]) -> Tensor:
        x, *skips = features[::-1]
        for block, skip in zip(self.blocks, [*skips, None], strict=True):
            x = block(x, skip)
        return x


class InTwo(nn.Module):
    """An encoder that gives all of its features to a decoder, each a module of its own."""

    def __init__(self, widths: tuple[int, ...] = (4, 8, 12, 16), block: type[DecoderBlock] = DecoderBlock) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder([*widths]), Decoder([*widths], block)
        self.head = nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.decoder(self.encoder(x)))


class TimedBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, times: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.time = nn.Linear(times, outputs)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return self.conv2(F.silu(self.conv1(x) + self.time(time)[:, :, None, None]))


class Denoiser(nn.Module):
    """The value of every block is a skip, several at each resolution, and every block reads the time."""

    def __init__(self, width: int = 4, times: int = 8) -> None:
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(1, times), nn.SiLU(), nn.Linear(times, times))
        self.conv_in, self.conv_out = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        self.downs, self.ups, skips = nn.ModuleList(), nn.ModuleList(), [width]
        now = width
        for level in range(3):
            self.downs.append(TimedBlock(now, width * 2**level, times))
            now = width * 2**level
            skips.append(now)
            if level < 2:
                self.downs.append(nn.Conv2d(now, now, 3, 2, 1))
                skips.append(now)
        self.mid = TimedBlock(now, now, times)
        for level in reversed(range(3)):
            for _ in range(2):
                self.ups.append(TimedBlock(now + skips.pop(), width * 2**level, times))
                now = width * 2**level
            if level:
                self.ups.append(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(now, now, 3, padding=1)))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        time = self.time_mlp(time[:, None])
        x = self.conv_in(x)
        skips = [x]
        for down in self.downs:
            x = down(x, time) if isinstance(down, TimedBlock) else down(x)
            skips.append(x)
        x = self.mid(x, time)
        for up in self.ups:
            x = up(torch.cat([x, skips.pop()], 1), time) if isinstance(up, TimedBlock) else up(x)
        return self.conv_out(x)


class TextBlock(TimedBlock):
    """A block that reads a text, too."""

    def __init__(self, inputs: int, outputs: int, times: int) -> None:
        super().__init__(inputs, outputs, times)
        self.text = nn.Linear(times, outputs)

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, time) * self.text(text).mean(1)[:, :, None, None].sigmoid()


class Conditioned(nn.Module):
    """Two levels, the inner two blocks of one resolution, of which the first does not read the text."""

    def __init__(self, width: int = 4, times: int = 8) -> None:
        super().__init__()
        self.conv_in, self.conv_out = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        self.down = TimedBlock(width, width, times)
        self.text_down, self.mid = TextBlock(width, width, times), TextBlock(width, width, times)
        self.text_up, self.up = TextBlock(2 * width, width, times), TimedBlock(2 * width, width, times)

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        first = self.conv_in(x)
        second = F.max_pool2d(self.down(first, time), 2)
        low = self.mid(self.text_down(second, time, text), time, text)
        low = F.interpolate(self.text_up(torch.cat([low, second], 1), time, text), scale_factor=2.0)
        return self.conv_out(self.up(torch.cat([low, first], 1), time))


class Video(Conditioned):
    """The frames of a video are images of a batch within it; a time and a class condition it together."""

    def __init__(self, width: int = 4, times: int = 8) -> None:
        super().__init__(width, times)
        self.time_embedding, self.class_embedding = nn.Linear(times, times), nn.Linear(times, times)

    def forward(self, x: Tensor, time: Tensor, text: Tensor, kind: Tensor) -> Tensor:  # type: ignore[override]
        frames = x.shape[2]
        time = (self.time_embedding(time) + self.class_embedding(kind)).repeat_interleave(frames, 0)
        images = super().forward(x.transpose(1, 2).flatten(0, 1), time, text.repeat_interleave(frames, 0))
        return images.unflatten(0, (-1, frames)).transpose(1, 2)


class Attentive(DecoderBlock):
    """A block of a decoder with many layers."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__(inputs, skip, outputs)
        self.gates = nn.ModuleList(conv(outputs, outputs, size) for size in (1, 3, 5, 7))

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        x = super().forward(x, skip)
        for gate in self.gates:
            x = x * gate(x).sigmoid()
        return x


class Tokens(nn.Module):
    """A transformer with long skips, all of one resolution: Bao et al., "All are Worth Words" (CVPR 2023)."""

    def __init__(self, blocks: int = 3, width: int = 8) -> None:
        super().__init__()
        self.in_blocks = nn.ModuleList(nn.TransformerEncoderLayer(width, 2, 16) for _ in range(blocks))
        self.out_blocks = nn.ModuleList(nn.TransformerEncoderLayer(width, 2, 16) for _ in range(blocks))
        self.mid = nn.TransformerEncoderLayer(width, 2, 16)
        self.skips = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for block in self.in_blocks:
            x = block(x)
            kept.append(x)
        x = self.mid(x)
        for block, skip in zip(self.out_blocks, self.skips, strict=True):
            x = block(skip(torch.cat([x, kept.pop()], -1)))
        return x


class Level(nn.Module):
    """A level of pix2pix: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017)."""

    def __init__(self, outer: int, inner: int, within: nn.Module | None = None) -> None:
        super().__init__()
        down = [nn.LeakyReLU(0.2), nn.Conv2d(outer, inner, 4, 2, 1)]
        up = [nn.ReLU(), nn.ConvTranspose2d(2 * inner if within else inner, outer, 4, 2, 1)]
        self.model = nn.Sequential(*down, *([within] if within else []), *up)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.model(x)], 1)


class InsideOut(nn.Module):
    """Each level holds the one below it."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        level = Level(2 * width, 2 * width, Level(2 * width, 2 * width))
        self.level = Level(width, 2 * width, level)
        self.stem, self.head = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(2 * width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.level(self.stem(x)))


class Hourglass(nn.Module):
    """A box on each skip: Newell et al., "Stacked Hourglass Networks for Human Pose Estimation" (ECCV 2016)."""

    def __init__(self, depth: int, width: int = 4) -> None:
        super().__init__()
        self.beside, self.pool, self.before = conv(width, width), nn.MaxPool2d(2), conv(width, width, 1)
        self.below = Hourglass(depth - 1, width) if depth > 1 else conv(width, width, 5)
        self.after = conv(width, width, 7)

    def forward(self, x: Tensor) -> Tensor:
        low = self.after(self.below(self.before(self.pool(x))))
        return self.beside(x) + F.interpolate(low, scale_factor=2.0)


class Gated(nn.Module):
    """No U, though its skips are nested: a residual around a gate, at one resolution."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.expand, self.project = conv(width, 4 * width, 1), conv(4 * width, width, 1)
        self.squeeze, self.excite = nn.Conv2d(4 * width, width, 1), nn.Conv2d(width, 4 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        wide = self.expand(x)
        gate = self.excite(self.squeeze(F.adaptive_avg_pool2d(wide, 1)).relu()).sigmoid()
        return x + self.project(wide * gate)


Made = tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]

U_NETS: dict[str, Made] = {
    "flat": (Flat, image),
    "in two": (InTwo, image),
    "denoiser": (Denoiser, lambda: (torch.zeros(1, 3, 16, 16), torch.zeros(1))),
    "conditioned": (Conditioned, lambda: (torch.zeros(1, 3, 16, 16), torch.zeros(1, 8), torch.zeros(1, 5, 8))),
    "video": (
        Video,
        lambda: (torch.zeros(1, 3, 2, 16, 16), torch.zeros(1, 8), torch.zeros(1, 5, 8), torch.zeros(1, 8)),
    ),
    "attentive": (lambda: InTwo(block=Attentive), image),
    "inside out": (InsideOut, image),
    "hourglass": (lambda: Hourglass(3), lambda: (torch.zeros(1, 4, 32, 32),)),
    "tokens": (Tokens, lambda: (torch.zeros(5, 1, 8),)),
}
NO_U: dict[str, Made] = {"gated": (Gated, lambda: (torch.zeros(1, 4, 16, 16),))}

__all__ = ["NO_U", "U_NETS"]
