"""What a model remembers between two steps of generation."""

from typing import ClassVar

import torch
from torch import Tensor

__all__ = ["KVCache", "LayerCache"]


class LayerCache:
    """One block's memory: named tensors `[..., sequence, width]` that grow along the sequence."""

    category: ClassVar[str] = "Attention"

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}

    def extend(self, name: str, new: Tensor) -> Tensor:
        """Append `[..., new, width]` to what is remembered as `name`; return all `[..., past + new, width]`.

        The result is a new tensor: nothing that an earlier call returned is changed.
        """
        past = self.tensors.get(name)
        self.tensors[name] = new if past is None else torch.cat((past, new), dim=-2)
        return self.tensors[name]


class KVCache:
    """A `LayerCache` for every block of a model; a new one is empty.

    The model hands each block its own, so that no block needs to know its number.
    """

    category: ClassVar[str] = "Attention"

    def __init__(self, num_layers: int) -> None:
        self.layers = [LayerCache() for _ in range(num_layers)]

    @property
    def length(self) -> int:
        """How many tokens are remembered."""
        keys = self.layers[0].tensors.get("keys")
        return 0 if keys is None else keys.shape[-2]
