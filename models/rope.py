"""Rotary position embedding: where a token is, told as an angle."""

from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn

__all__ = ["RotaryEmbedding", "Rotation", "rotate"]

Rotation: TypeAlias = tuple[Tensor, Tensor]
"""The cosines and the signed sines of every position: two tensors `[sequence, head_dim]`."""


class RotaryEmbedding(nn.Module):
    """The rotation of every position (RoPE; Su et al., 2021).

    Dimensions i and i + head_dim/2 of a head form a pair, and position p turns that pair by the angle
    p · theta^(-2i/head_dim). A query and a key turned this way have a dot product that depends only on the
    distance between them.

    Nothing is stored: the tables are computed in each forward of the model, once, and shared by every layer.
    """

    category: ClassVar[str] = "Layers & blocks"

    def __init__(self, head_dim: int, theta: float = 10_000.0) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.theta = theta

    def forward(self, hidden: Tensor, start: int = 0) -> Rotation:
        """The rotation of positions `start`, `start + 1`, …, one for each position of `hidden`.

        `[batch, sequence, hidden]` → two tables `[sequence, head_dim]`, with the device and dtype of
        `hidden`.
        """
        positions = torch.arange(start, start + hidden.shape[1], dtype=torch.float32, device=hidden.device)
        pairs = torch.arange(0, self.head_dim, 2, dtype=torch.float32, device=hidden.device)
        angles = positions[:, None] * self.theta ** (-pairs / self.head_dim)  # [sequence, head_dim / 2]
        cos, sin = angles.cos(), angles.sin()
        if hidden.dtype != torch.float32:  # angles need the precision, their cosines do not
            cos, sin = cos.to(hidden.dtype), sin.to(hidden.dtype)
        return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)

    def extra_repr(self) -> str:
        """What `print(model)` shows between the parentheses."""
        return f"{self.head_dim}, theta={self.theta}"


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn every pair of `x` by its position's angle: `[..., sequence, head_dim]` → the same shape.

    A pair (a, b) becomes (a·cos - b·sin, b·cos + a·sin). Rolling by half a head puts b in a's place and a in
    b's; the minus sign is already in the table.
    """
    cos, signed_sin = rotation
    return x * cos + x.roll(x.shape[-1] // 2, dims=-1) * signed_sin
