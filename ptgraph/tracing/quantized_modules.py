"""Dynamically quantised modules of torch → plain ones with the same weights: the packed ones have no parameters.

The weights of a linear layer stay integers, with their scale. Those of recurrent layers become floating-point numbers.
Activations, which torch quantises while it runs, are not quantised.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

_PACKAGE = "torch.ao.nn.quantized.dynamic"  # not imported yet as long as there is no such module
_FUSED = "torch.ao.nn.intrinsic.quantized.dynamic"


def unpacked(module: nn.Module) -> nn.Module | None:
    """Return the plain module for a dynamically quantised one, of the same class name, or None for any other."""
    dynamic: Any = sys.modules.get(_PACKAGE)
    if dynamic is None:
        return None
    fused: Any = sys.modules.get(_FUSED)
    if type(module) is dynamic.Linear:
        return _linear(module, relu=False)
    if fused is not None and type(module) is fused.LinearReLU:
        return _linear(module, relu=True)
    if type(module) in (dynamic.LSTM, dynamic.GRU):
        return _recurrent(module)
    if type(module) in (dynamic.LSTMCell, dynamic.GRUCell, dynamic.RNNCell):
        return _cell(module)
    return None


def is_unpacked(module: nn.Module) -> bool:
    """Return whether `unpacked` made *module*."""
    return getattr(type(module), "was_packed", False) is True


class _UnpackedLinear(nn.Module):
    """A linear layer whose weight is kept as it was packed: integers with a scale, or floating-point numbers."""

    weight: nn.Parameter
    bias: nn.Parameter | None
    scale: torch.Tensor | None
    zero_point: torch.Tensor | None
    relu: bool

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        weight: torch.Tensor = self.weight
        if self.scale is not None:
            weight = weight.to(self.scale.dtype)
            if self.zero_point is not None:
                weight = weight - self.zero_point
            weight = weight * self.scale
        result = F.linear(input, weight, self.bias)
        return F.relu(result) if self.relu else result


def _linear(module: Any, *, relu: bool) -> nn.Module:
    made: _UnpackedLinear = _of_class(module, _UnpackedLinear)()
    weight, bias = module.weight(), module.bias()
    scale = zero_point = None
    if weight.is_quantized:
        scale, zero_point = _scale(weight)
        weight = weight.int_repr()
    made.weight = nn.Parameter(weight.detach(), requires_grad=False)
    made.register_parameter("bias", None if bias is None else nn.Parameter(bias.detach(), requires_grad=False))
    made.register_buffer("scale", scale)
    made.register_buffer("zero_point", zero_point if zero_point is not None and bool(zero_point.any()) else None)
    vars(made).update(in_features=module.in_features, out_features=module.out_features, relu=relu)
    made.training = module.training
    return made


def _scale(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scale and zero point of a quantised weight: one, or one for each row."""
    if weight.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return torch.tensor(weight.q_scale()), torch.tensor(float(weight.q_zero_point()))
    return weight.q_per_channel_scales().float()[:, None], weight.q_per_channel_zero_points().float()[:, None]


def _recurrent(module: Any) -> nn.Module:
    base = nn.LSTM if type(module).__name__ == "LSTM" else nn.GRU
    with torch.device("meta"):
        made: nn.Module = _of_class(module, base)(
            module.input_size,
            module.hidden_size,
            module.num_layers,
            bias=module.bias,
            batch_first=module.batch_first,
            bidirectional=module.bidirectional,
        )
    return _filled(made, module)


def _cell(module: Any) -> nn.Module:
    base = {"LSTMCell": nn.LSTMCell, "GRUCell": nn.GRUCell, "RNNCell": nn.RNNCell}[type(module).__name__]
    kind = {"nonlinearity": module.nonlinearity} if base is nn.RNNCell else {}
    with torch.device("meta"):
        made: nn.Module = _of_class(module, base)(module.input_size, module.hidden_size, bias=module.bias, **kind)
    return _filled(made, module)


def _filled(made: nn.Module, module: Any) -> nn.Module:
    """Give *made* the weights of the quantised *module*, as floating-point numbers."""
    for name, tensor in {**module.get_weight(), **module.get_bias()}.items():
        plain = tensor.dequantize() if tensor.is_quantized else tensor.float()
        setattr(made, name, nn.Parameter(plain.detach(), requires_grad=False))
    made.training = module.training
    return made


def _of_class(module: nn.Module, base: type[nn.Module]) -> Any:
    """Return a class derived from *base* that has the name of the class of *module*."""
    kind = type(module)
    return type(kind.__name__, (base,), {"__module__": kind.__module__, "was_packed": True})


__all__ = ["is_unpacked", "unpacked"]
