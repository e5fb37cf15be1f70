"""Weights of a tensor class of a library's own: in ONNX they are the numbers that they stand for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

import ptgraph


class Scaled(Tensor):
    """Whole numbers and a scale, which stand for floats."""

    @staticmethod
    def __new__(cls: Any, whole: Tensor, scale: Tensor) -> Any:
        return Tensor._make_wrapper_subclass(cls, whole.shape, dtype=scale.dtype)

    def __init__(self, whole: Tensor, scale: Tensor) -> None:
        self.whole, self.scale = whole, scale

    def __tensor_flatten__(self) -> Any:
        return ["whole", "scale"], None

    @classmethod
    def __tensor_unflatten__(cls, parts: Any, *_: Any) -> Any:
        return cls(parts["whole"], parts["scale"])

    def dequantize(self) -> Tensor:
        return self.whole * self.scale

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        if function in (torch.ops.aten.detach.default, torch.ops.aten.alias.default):
            return cls(args[0].whole, args[0].scale)
        return function(*tree_map_only(cls, cls.dequantize, args), **(kwargs or {}))


def test_a_quantized_weight_is_what_it_stands_for() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    whole = torch.tensor([[1, -2, 3], [4, 5, -6]], dtype=torch.int8)
    model[0].weight = nn.Parameter(Scaled(whole, torch.tensor(0.25)), requires_grad=False)
    found = ptgraph.verify(model, args=(torch.randn(4, 3),))
    assert found and all(check.agrees for check in found), found
