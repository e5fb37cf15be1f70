"""Root-mean-square normalisation."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["RMSNorm"]


class RMSNorm(nn.Module):
    """Divide a vector by its root mean square (Zhang & Sennrich, 2019).

    There is no learnable gain: the linear layer that follows every norm can learn one just as well.
    """

    category: ClassVar[str] = "Layers & blocks"

    def __init__(self, size: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.size = size
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """`[..., size]` → `[..., size]`, every vector with a mean square of one."""
        return F.rms_norm(x, (self.size,), eps=self.eps)

    def extra_repr(self) -> str:
        """What `print(model)` shows between the parentheses."""
        return f"{self.size}, eps={self.eps}"
