"""Models that take the same step again and again: solvers, recurrences, fixed points and samplers."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

WIDTH = 8


class Field(nn.Module):
    """The right-hand side of a differential equation that depends on time."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(WIDTH, 16), nn.Tanh(), nn.Linear(16, WIDTH))

    def forward(self, t: Any, y: Tensor) -> Any:
        return self.net(y + t)


class Euler(nn.Module):
    def __init__(self, steps: int = 20) -> None:
        super().__init__()
        self.field, self.steps = Field(), steps

    def forward(self, y: Tensor) -> Tensor:
        for k in range(self.steps):
            y = y + self.field(k / self.steps, y) / self.steps
        return y


class RungeKutta(Euler):
    def forward(self, y: Tensor) -> Tensor:
        for k in range(self.steps):
            y = y + self.slope(k / self.steps, 1 / self.steps, y)
        return y

    def slope(self, t: Any, h: Any, y: Tensor) -> Any:
        k1 = self.field(t, y)
        k2 = self.field(t + h / 2, y + h * k1 / 2)
        k3 = self.field(t + h / 2, y + h * k2 / 2)
        k4 = self.field(t + h, y + h * k3)
        return h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


class Trajectory(RungeKutta):
    """The times are a buffer, and the result has the value at each."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("times", torch.linspace(0, 1, self.steps + 1))

    def forward(self, y: Tensor) -> Tensor:
        values = [y]
        for start, end in zip(self.times[:-1], self.times[1:], strict=True):  # type: ignore[index]
            y = y + self.slope(start, end - start, y)
            values.append(y)
        return torch.stack(values)


class Inside(nn.Module):
    """A solver between other modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.solver, self.last = nn.Linear(5, WIDTH), RungeKutta(), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Any:
        return self.last(torch.relu(self.solver(self.first(x))))


class Adaptive(Euler):
    """Time and step size are values; the first time is a constant, and nobody reads those after the last step."""

    def forward(self, y: Tensor) -> Tensor:
        t, h = torch.zeros(()), torch.full((), 0.1)
        for _ in range(8):
            k1 = self.field(t, y)
            k2 = self.field(t + h, y + h * k1)
            error = (h * (k2 - k1) / 2).abs().max()
            fits = error < 1e-3
            y = torch.where(fits, y + h * (k1 + k2) / 2, y)
            t = torch.where(fits, t + h, t)
            h = h * torch.clamp((1e-3 / (error + 1e-9)).sqrt(), 0.2, 5.0)
        return y


class FixedPoint(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.map, self.head = nn.Linear(5, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Any:
        x = self.encoder(x)
        z = torch.zeros_like(x)
        for _ in range(15):
            z = 0.5 * z + 0.5 * torch.tanh(self.map(z) + x)
        return self.head(z)


class Cells(nn.Module):
    """A recurrent cell that takes a time series apart."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(5, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = c = torch.zeros(x.shape[0], WIDTH)
        found = []
        for step in x.unbind(1):
            h, c = self.cell(2 * step, (h, c))
            found.append(self.head(h))
        return torch.stack(found, 1)


class Update(nn.Module):
    """A gated update of a hidden map."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.new = nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1), nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1)

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(torch.cat([h, x], 1)))
        return (1 - gate) * h + gate * torch.tanh(self.new(torch.cat([gate * h, x], 1)))


class OpticalFlow(nn.Module):
    """Looks correlations up at positions that it updates; each update gives a result, as in RAFT."""

    def __init__(self, *, stacked: bool) -> None:
        super().__init__()
        self.stacked = stacked
        self.features = nn.Conv2d(3, WIDTH, 3, 2, 1)
        self.motion, self.update = nn.Conv2d(11, WIDTH, 3, padding=1), Update()
        self.head = nn.Conv2d(WIDTH, 2, 3, padding=1)

    def forward(self, one: Tensor, other: Tensor) -> Any:
        a, b = self.features(one), self.features(other)
        n, _, height, width = a.shape
        correlation = torch.einsum("nchw,ncij->nhwij", a, b).reshape(-1, 1, height, width)
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        start = torch.stack([columns, rows]).float()[None].repeat(n, 1, 1, 1)
        at, h, found = start.clone(), torch.tanh(a), []
        for _ in range(12):
            window = torch.linspace(-1, 1, 9).reshape(1, 3, 3, 1)
            near = at.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2) + window
            seen = grid_sample(correlation, near / 4 - 1, align_corners=True).view(n, height, width, -1)
            h = self.update(h, torch.relu(self.motion(torch.cat([seen.permute(0, 3, 1, 2), at - start], 1))))
            at = at + self.head(h)
            found.append(interpolate(2 * (at - start), scale_factor=2, mode="bilinear"))
        return torch.stack(found) if self.stacked else found


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Linear(8, WIDTH)
        self.down, self.middle = nn.Conv2d(3, WIDTH, 3, padding=1), nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.up = nn.Conv2d(2 * WIDTH, 3, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Any:
        angles = t[:, None] * torch.exp(-torch.arange(4.0))
        time = self.time(torch.cat([torch.sin(angles), torch.cos(angles)], 1))
        down = torch.relu(self.down(x) + time[:, :, None, None])
        return self.up(torch.cat([torch.relu(self.middle(down)), down], 1))


class Sampler(nn.Module):
    """Ten steps of DDIM; the noise schedule is numbers, or a buffer."""

    def __init__(self, *, buffer: bool = False) -> None:
        super().__init__()
        self.unet, self.buffer = UNet(), buffer
        schedule = [math.cos(k / 11 * math.pi / 2) ** 2 for k in range(11)]
        self.schedule = schedule
        self.register_buffer("alphas", torch.tensor(schedule))

    def forward(self, x: Tensor) -> Tensor:
        for k in reversed(range(1, 11)):
            noise = self.unet(x, torch.full((x.shape[0],), float(k)))
            if self.buffer:
                here, next_ = self.alphas[k], self.alphas[k - 1]  # type: ignore[index]
                x = next_.sqrt() * (x - (1 - here).sqrt() * noise) / here.sqrt() + (1 - next_).sqrt() * noise
            else:
                keep, add = math.sqrt(self.schedule[k]), math.sqrt(1 - self.schedule[k])
                less = math.sqrt(1 - self.schedule[k - 1])
                x = math.sqrt(self.schedule[k - 1]) * ((x - add * noise) / keep).clamp(-1, 1) + less * noise
        return x


class Guided(Sampler):
    """Two calls a step: with and without what guides it."""

    def forward(self, x: Tensor) -> Tensor:
        for k in reversed(range(1, 11)):
            t = torch.full((x.shape[0],), float(k))
            free = self.unet(0.9 * x, t)
            x = x - k / 100 * (free + 7.5 * (self.unet(x, t) - free))
        return x


class Refined(nn.Module):
    """Layers that refine boxes; each has a result, as in DETR."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(6))
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        box, found = torch.sigmoid(x[..., :4]), []
        for layer in self.layers:
            x = torch.relu(layer(x)) + x
            box = torch.sigmoid(self.head(x) + torch.logit(box))
            found.append(box)
        return torch.stack(found)


def state() -> Tensor:
    return torch.randn(4, WIDTH)


def image() -> Tensor:
    return torch.randn(1, 3, 16, 16)


MODELS: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
    "euler": (Euler(), (state(),)),
    "runge kutta": (RungeKutta(), (state(),)),
    "trajectory": (Trajectory(), (state(),)),
    "inside": (Inside(), (torch.randn(4, 5),)),
    "adaptive": (Adaptive(), (state(),)),
    "fixed point": (FixedPoint(), (torch.randn(4, 5),)),
    "cells": (Cells(), (torch.randn(2, 12, 5),)),
    "optical flow": (OpticalFlow(stacked=False), (image(), image())),
    "stacked flow": (OpticalFlow(stacked=True), (image(), image())),
    "sampler": (Sampler(), (image(),)),
    "sampler with buffer": (Sampler(buffer=True), (image(),)),
    "guided": (Guided(), (image(),)),
    "refined": (Refined(), (state(),)),
}
