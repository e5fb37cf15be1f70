"""Models of well-known wirings, small: what feeds what is that of the originals, widths and depths are not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import nn


def conv(inputs: int, outputs: int, size: int = 3, **settings: Any) -> nn.Sequential:
    """Convolution, norm and activation, as all of these have them."""
    padding = settings.pop("padding", size // 2)
    made = nn.Conv2d(inputs, outputs, size, padding=padding, bias=False, **settings)
    return nn.Sequential(made, nn.BatchNorm2d(outputs), nn.ReLU())


class DenseLayer(nn.Module):
    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU()
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(4 * growth), nn.ReLU()
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        squeezed = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
        return self.conv2(self.relu2(self.norm2(squeezed)))


class DenseBlock(nn.ModuleDict):
    def __init__(self, layers: int, inputs: int, growth: int) -> None:
        super().__init__({f"denselayer{k + 1}": DenseLayer(inputs + k * growth, growth) for k in range(layers)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    """Each layer of a block reads all before it: Huang et al., 2017, with the depths of DenseNet-121."""

    def __init__(self, layers: tuple[int, ...] = (6, 12, 24, 16), growth: int = 4) -> None:
        super().__init__()
        width = 2 * growth
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(width))
        self.features.add_module("relu0", nn.ReLU())
        self.features.add_module("pool0", nn.MaxPool2d(3, 2, 1))
        for number, count in enumerate(layers, 1):
            self.features.add_module(f"denseblock{number}", DenseBlock(count, width, growth))
            width += count * growth
            if number < len(layers):
                last = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width // 2, 1), nn.AvgPool2d(2))
                self.features.add_module(f"transition{number}", last)
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = nn.functional.relu(self.features(image))
        return self.classifier(nn.functional.adaptive_avg_pool2d(found, 1).flatten(1))


class InceptionBlock(nn.Module):
    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = conv(inputs, 4, 1)
        self.branch5x5_1, self.branch5x5_2 = conv(inputs, 3, 1), conv(3, 4, 5)
        self.branch3x3dbl_1, self.branch3x3dbl_2, self.branch3x3dbl_3 = conv(inputs, 4, 1), conv(4, 6), conv(6, 6)
        self.branch_pool = conv(inputs, pooled, 1)
        self.outputs = 14 + pooled

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pool = self.branch_pool(nn.functional.avg_pool2d(x, 3, stride=1, padding=1))
        return torch.cat([self.branch1x1(x), five, three, pool], 1)


class SplitInceptionBlock(nn.Module):
    """The last blocks of Inception v3, whose branches split once more."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch1x1 = conv(inputs, 4, 1)
        self.branch3x3_1 = conv(inputs, 4, 1)
        self.branch3x3_2a, self.branch3x3_2b = conv(4, 4, (1, 3)[1]), conv(4, 4)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = conv(inputs, 4, 1), conv(4, 4)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = conv(4, 4), conv(4, 4)
        self.branch_pool = conv(inputs, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pool = self.branch_pool(nn.functional.avg_pool2d(x, 3, stride=1, padding=1))
        split = torch.cat([self.branch3x3_2a(three), self.branch3x3_2b(three)], 1)
        split_double = torch.cat([self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)], 1)
        return torch.cat([self.branch1x1(x), split, split_double, pool], 1)


class Inception(nn.Module):
    """Four branches beside each other in each block: Szegedy et al., 2016."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = conv(3, 4, stride=2), conv(4, 6)
        self.maxpool1 = nn.MaxPool2d(3, 2)
        self.Mixed_5b = InceptionBlock(6, 2)
        self.Mixed_5c = InceptionBlock(16, 4)
        self.Mixed_5d = InceptionBlock(18, 4)
        self.Mixed_7b = SplitInceptionBlock(18)
        self.Mixed_7c = SplitInceptionBlock(22)
        self.fc = nn.Linear(22, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.maxpool1(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(image)))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))))
        return self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU()
        alike = stride == 1 and inputs == 4 * width
        shrunk = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
        self.downsample = None if alike else shrunk

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.relu(self.bn1(self.conv1(x)))
        found = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(found)))))
        return self.relu(found + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """He et al., 2016, with the depths of ResNet-50."""

    def __init__(self, layers: tuple[int, ...] = (3, 4, 6, 3)) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False), nn.BatchNorm2d(4)
        self.relu, self.maxpool = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        inputs = 4
        for number, count in enumerate(layers):
            width, blocks = 4 << number, []
            for k in range(count):
                blocks.append(Bottleneck(inputs, width, 2 if k == 0 and number else 1))
                inputs = 4 * width
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(inputs, 10)

    def body(self, image: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.fc(self.avgpool(self.body(image)).flatten(1))


class ImagePooling(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inputs, outputs, 1, bias=False), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = x
        for part in self:
            found = part(found)
        return nn.functional.interpolate(found, size=x.shape[-2:], mode="bilinear", align_corners=False)


class Pyramid(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        rates = [conv(inputs, outputs, 3, padding=rate, dilation=rate) for rate in (2, 4, 6)]
        self.convs = nn.ModuleList([conv(inputs, outputs, 1), *rates, ImagePooling(inputs, outputs)])
        self.project = nn.Sequential(conv(5 * outputs, outputs, 1), nn.Dropout(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.project(torch.cat([branch(x) for branch in self.convs], 1))


class DeepLab(nn.Module):
    """A pyramid of five parallel branches: Chen et al., 2017."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet((1, 2, 2, 1))
        self.classifier = nn.Sequential(Pyramid(128, 4), conv(4, 4), nn.Conv2d(4, 21, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = self.classifier(self.backbone.body(image))
        return nn.functional.interpolate(found, size=image.shape[-2:], mode="bilinear", align_corners=False)


def double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv(inputs, outputs), conv(outputs, outputs))


class UNet(nn.Module):
    """Skips from each level down to the level up: Ronneberger et al., 2015."""

    def __init__(self, widths: tuple[int, ...] = (4, 8, 12, 16, 20)) -> None:
        super().__init__()
        self.inc = double(3, widths[0])
        pairs = list(pairwise(widths))
        self.downs = nn.ModuleList(nn.Sequential(nn.MaxPool2d(2), double(a, b)) for a, b in pairs)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(pairs))
        self.convs = nn.ModuleList(double(2 * a, a) for a, _ in reversed(pairs))
        self.outc = nn.Conv2d(widths[0], 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        levels = [self.inc(image)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up, joined in zip(self.ups, self.convs, strict=True):
            x = joined(torch.cat([levels.pop(), up(x)], 1))
        return self.outc(x)


class NestedUNet(nn.Module):
    """UNet++, whose skips are dense: Zhou et al., 2018."""

    def __init__(self, widths: tuple[int, ...] = (4, 6, 8, 10, 12)) -> None:
        super().__init__()
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
        depth = len(widths)
        for i in range(depth):
            self.add_module(f"conv{i}_0", double(3 if i == 0 else widths[i - 1], widths[i]))
            for j in range(1, depth - i):
                self.add_module(f"conv{i}_{j}", double(j * widths[i] + widths[i + 1], widths[i]))
        self.final = nn.Conv2d(widths[0], 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        depth = 5
        found: dict[tuple[int, int], torch.Tensor] = {}
        for i in range(depth):
            found[i, 0] = getattr(self, f"conv{i}_0")(image if i == 0 else self.pool(found[i - 1, 0]))
            for j in range(1, i + 1):
                row = i - j
                parts = [*(found[row, k] for k in range(j)), self.up(found[row + 1, j - 1])]
                found[row, j] = getattr(self, f"conv{row}_{j}")(torch.cat(parts, 1))
        return self.final(found[0, depth - 1])


class CrossStage(nn.Module):
    """The C2f block of YOLOv8: each bottleneck's value is kept and joined."""

    def __init__(self, inputs: int, outputs: int, count: int) -> None:
        super().__init__()
        self.cv1, self.cv2 = conv(inputs, outputs, 1), conv((2 + count) * (outputs // 2), outputs, 1)
        self.m = nn.ModuleList(double(outputs // 2, outputs // 2) for _ in range(count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = list(self.cv1(x).chunk(2, 1))
        for part in self.m:
            kept.append(kept[-1] + part(kept[-1]))
        return self.cv2(torch.cat(kept, 1))


class Detector(nn.Module):
    """A backbone, a neck that goes up and down, and heads at three sizes, as YOLOv8 has them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8, stride=2)
        self.stage1 = nn.Sequential(conv(8, 8, stride=2), CrossStage(8, 8, 2))
        self.stage2 = nn.Sequential(conv(8, 16, stride=2), CrossStage(16, 16, 3))
        self.stage3 = nn.Sequential(conv(16, 16, stride=2), CrossStage(16, 16, 1))
        self.up = nn.Upsample(scale_factor=2)
        self.up1, self.up2 = CrossStage(32, 16, 1), CrossStage(24, 8, 1)
        self.shrink1, self.shrink2 = conv(8, 8, stride=2), conv(16, 16, stride=2)
        self.down1, self.down2 = CrossStage(24, 16, 1), CrossStage(32, 16, 1)
        self.boxes = nn.ModuleList(nn.Sequential(conv(n, 8), nn.Conv2d(8, 16, 1)) for n in (8, 16, 16))
        self.classes = nn.ModuleList(nn.Sequential(conv(n, 8), nn.Conv2d(8, 5, 1)) for n in (8, 16, 16))

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        small = self.stage1(self.stem(image))
        middle = self.stage2(small)
        large = self.stage3(middle)
        up1 = self.up1(torch.cat([self.up(large), middle], 1))
        up2 = self.up2(torch.cat([self.up(up1), small], 1))
        down1 = self.down1(torch.cat([self.shrink1(up2), up1], 1))
        down2 = self.down2(torch.cat([self.shrink2(down1), large], 1))
        levels = zip((up2, down1, down2), self.boxes, self.classes, strict=True)
        return [torch.cat([boxes(x), classes(x)], 1) for x, boxes, classes in levels]


class TimeEmbedding(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.fc1, self.act, self.fc2 = width, nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        rates = torch.exp(-math.log(10000) * torch.arange(self.width // 2) / (self.width // 2))
        angles = t[:, None].float() * rates[None]
        return self.fc2(self.act(self.fc1(torch.cat([angles.sin(), angles.cos()], -1))))


class TimedBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(inputs, outputs), conv(outputs, outputs)
        self.time_proj = nn.Linear(time, outputs)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.conv1(x) + self.time_proj(time)[:, :, None, None])


class TextBlock(nn.Module):
    """Attention of an image to a text, as in the U-Net of Stable Diffusion."""

    def __init__(self, width: int, text: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_q, self.to_k, self.to_v = nn.Linear(width, width), nn.Linear(text, width), nn.Linear(text, width)
        self.to_out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(2).transpose(1, 2)
        q, k, v = self.to_q(self.norm(rows)), self.to_k(text), self.to_v(text)
        seen = nn.functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return (rows + self.to_out(seen)).transpose(1, 2).reshape(x.shape)


class ConditionedUNet(nn.Module):
    """A U-Net that is told a time and a text at every level, as diffusion models are."""

    def __init__(self, widths: tuple[int, ...] = (4, 8, 12), text: int = 6) -> None:
        super().__init__()
        self.time = TimeEmbedding(16)
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        pairs = list(zip((widths[0], *widths), widths, strict=False))
        self.downs = nn.ModuleList(TimedBlock(a, b, 16) for a, b in pairs)
        self.down_texts = nn.ModuleList(TextBlock(b, text) for _, b in pairs)
        self.mid, self.mid_text = TimedBlock(widths[-1], widths[-1], 16), TextBlock(widths[-1], text)
        self.ups = nn.ModuleList(TimedBlock(2 * b, a, 16) for a, b in reversed(pairs))
        self.up_texts = nn.ModuleList(TextBlock(a, text) for a, _ in reversed(pairs))
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        time, x, kept = self.time(timestep), self.conv_in(sample), []
        for block, attention in zip(self.downs, self.down_texts, strict=True):
            x = attention(block(x, time), text)
            kept.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.mid_text(self.mid(x, time), text)
        for block, attention in zip(self.ups, self.up_texts, strict=True):
            x = torch.cat([nn.functional.interpolate(x, scale_factor=2.0), kept.pop()], 1)
            x = attention(block(x, time), text)
        return self.conv_out(x)


class GraphConvolution(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.lin = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        row, col = edge_index[0], edge_index[1]
        degree = torch.zeros(x.shape[0]).index_add(0, col, torch.ones(col.shape[0])) + 1
        norm = degree.rsqrt()[row] * degree.rsqrt()[col]
        found = self.lin(x)
        return torch.zeros_like(found).index_add(0, col, norm[:, None] * found[row]) + self.bias


class GraphNet(nn.Module):
    """Graph convolutions, all of which read the edges: Kipf and Welling, 2017."""

    def __init__(self, layers: int = 5) -> None:
        super().__init__()
        self.convs = nn.ModuleList(GraphConvolution(8, 8 if k < layers - 1 else 3) for k in range(layers))

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        for layer in self.convs[:-1]:
            x = layer(x, edge_index).relu()
        return self.convs[-1](x, edge_index).log_softmax(-1)


class Translator(nn.Module):
    """An encoder and a decoder of ``nn.Transformer``, from the ids of words: Vaswani et al., 2017."""

    def __init__(self, words: int = 50, width: int = 16) -> None:
        super().__init__()
        self.src_embed, self.tgt_embed = nn.Embedding(words, width), nn.Embedding(words, width)
        self.transformer = nn.Transformer(width, 2, 3, 3, 32, batch_first=True)
        self.generator = nn.Linear(width, words)

    def forward(self, src: torch.Tensor, tgt: torch.Tensor) -> torch.Tensor:
        mask = torch.triu(torch.full((tgt.shape[1], tgt.shape[1]), float("-inf")), 1)
        padding = src.eq(0)
        found = self.transformer(
            self.src_embed(src),
            self.tgt_embed(tgt),
            tgt_mask=mask,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return self.generator(found)


class Pixels(nn.Module):
    """A camera's bytes as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Sequential(conv(3, 4), conv(4, 8, stride=2)), nn.Linear(8, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = self.features((image.float() / 255 - 0.5) / 0.25)
        return self.head(found.mean((2, 3)))


class Shared(nn.Module):
    """One value read by *readers* blocks in a row, by the name of a reader."""

    def __init__(self, readers: int) -> None:
        super().__init__()
        self.context = nn.Linear(4, 8)
        self.blocks = nn.ModuleList(Gate(k + 1) for k in range(readers))

    def forward(self, x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        context = self.context(c)
        for block in self.blocks:
            x = block(x, context)
        return x


class Gate(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up, self.down, self.told = nn.Linear(8, 8 * width), nn.Linear(8 * width, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        return x + self.down(self.up(x).relu()) * self.told(context).sigmoid()


class Wired(nn.Module):
    """Modules in modules, wired at random: each part reads any values before it, such as none of the last."""

    def __init__(self, chance: random.Random, inputs: int, depth: int = 3) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        self.plan: list[tuple[str | int, list[int]]] = []
        for number in range(inputs, inputs + chance.randint(2, 6)):
            reads = {number - 1} if chance.random() < 0.8 else set()
            reads |= {chance.randrange(number) for _ in range(chance.choice([1, 1, 1, 2, 2, 3]))}
            kind, sources = chance.random(), sorted(reads)
            if kind < 0.45 and depth:
                self.plan.append((len(self.parts), sources))
                self.parts.append(Wired(chance, len(sources), depth - 1))
            elif kind < 0.75:
                self.plan.append((len(self.parts), sources[:1]))
                self.parts.append(nn.Linear(4, 4))
            else:
                self.plan.append((chance.choice(["relu", "add", "cat", "reshape", "mask"]), sources))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        values = list(inputs)
        for what, sources in self.plan:
            given = [values[source] for source in sources]
            found = {
                "relu": lambda given=given: given[0].relu(),
                "add": lambda given=given: sum(given[1:], given[0] * 2),
                "cat": lambda given=given: torch.cat(given)[:2],
                "reshape": lambda given=given: given[0].reshape(4, 2).reshape(2, 4),
                "mask": lambda given=given: given[0] * (torch.arange(4) > 1),
            }
            values.append(self.parts[what](*given) if isinstance(what, int) else found[what]())
        return values[-1]


def image(size: int = 64) -> tuple[torch.Tensor, ...]:
    return (torch.zeros(1, 3, size, size),)


def edges() -> torch.Tensor:
    return torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])


WIRINGS: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[torch.Tensor, ...]]]] = {
    "densenet": (DenseNet, image),
    "inception": (Inception, image),
    "deeplab": (DeepLab, image),
    "resnet": (ResNet, image),
    "unet": (UNet, image),
    "unet++": (NestedUNet, image),
    "detector": (Detector, image),
    "conditioned": (
        ConditionedUNet,
        lambda: (torch.zeros(1, 3, 16, 16), torch.zeros(1, dtype=torch.int64), torch.zeros(1, 5, 6)),
    ),
    "gcn": (GraphNet, lambda: (torch.zeros(4, 8), edges())),
    "translator": (Translator, lambda: (torch.ones(1, 7, dtype=torch.int64), torch.ones(1, 5, dtype=torch.int64))),
    "pixels": (Pixels, lambda: (torch.zeros(1, 3, 16, 16, dtype=torch.uint8),)),
    **{
        f"shared{count}": (partial(Shared, count), lambda: (torch.zeros(2, 8), torch.zeros(2, 4)))
        for count in (3, 4, 9)
    },
}

__all__ = ["WIRINGS", "Gate", "Shared", "Wired"]
