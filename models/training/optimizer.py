"""How the weights move: AdamW in groups, and a learning rate that rises, falls and stays at a floor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from .stage import stage

__all__ = ["OptimizerConfig", "adamw", "backward", "clip", "learning_rate", "update"]


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter, 2019) with a warm-up and a cosine.

    Raises:
        ValueError: a field is out of range.
    """

    category: ClassVar[str] = "Training"

    peak: float = 3e-3  # the highest learning rate
    floor: float = 0.1  # the last one, as a share of the peak
    warmup_steps: int = 20  # of rising in a straight line
    embedding_scale: float = 1.0  # the embedding's learning rate, as a share of the others'
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip_norm: float = 1.0  # the longest gradient that is followed in full

    def __post_init__(self) -> None:
        for name in ("peak", "embedding_scale", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        if not 0 <= self.floor <= 1:
            raise ValueError(f"floor is {self.floor}; it is a share of the peak, from 0 to 1")
        if self.warmup_steps < 0 or self.weight_decay < 0:
            raise ValueError("warmup_steps and weight_decay must not be negative")


def learning_rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """The rate of step `step`, 0 ≤ step < `steps`: a straight rise to the peak, then half a cosine to the floor."""
    if step < config.warmup_steps:
        return config.peak * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, steps - 1 - config.warmup_steps)
    share = config.floor + (1 - config.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return config.peak * share


def adamw(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """The optimiser of a model's parameters, each in one of three groups.

    Embeddings have a rate of their own and no decay; vectors (gains and biases) have no decay; matrices have both
    as configured. A group's `scale` is what `update` multiplies the step's rate by.
    """
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = {
        "embeddings": [p for p in parameters if id(p) in embeddings],
        "vectors": [p for p in parameters if id(p) not in embeddings and p.ndim < 2],
        "matrices": [p for p in parameters if id(p) not in embeddings and p.ndim >= 2],
    }
    return torch.optim.AdamW(
        [
            {
                "params": members,
                "name": name,
                "scale": config.embedding_scale if name == "embeddings" else 1.0,
                "weight_decay": config.weight_decay if name == "matrices" else 0.0,
            }
            for name, members in groups.items()
            if members
        ],
        lr=config.peak,
        betas=config.betas,
    )


@stage("Training")
def backward(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Add the loss's gradient to that of every parameter; return the gradients."""
    loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
    return [p.grad for p in parameters if p.grad is not None]


@stage("Training")
def clip(gradients: Sequence[Tensor], longest: float) -> Tensor:
    """Shorten the gradients, all by one factor, to a norm of at most `longest`; return the norm before."""
    norm = nn.utils.get_total_norm(gradients)
    factor = (longest / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor)
    return norm


@stage("Training")
def update(optimizer: torch.optim.Optimizer, gradients: Sequence[Tensor], norm: Tensor, rate: float) -> list[Tensor]:
    """Move the parameters, which are returned, by a step of the optimiser; none if a gradient is not finite."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
    if norm.isfinite():
        optimizer.step()
    optimizer.zero_grad()
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
