"""Everything of a model that somebody could see change."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def snapshot(model: nn.Module) -> Any:
    """Everything of a model that somebody could see change; the tensors themselves by place and version."""
    return {
        "modes": [module.training for module in model.modules()],
        "modules": [(name, type(module), id(module)) for name, module in model.named_modules()],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "hooks": [{k: list(v) for k, v in vars(m).items() if "hooks" in k} for m in model.modules()],
        "tensors": {
            name: (id(tensor), tensor.data_ptr(), tensor.device, tensor.dtype, tensor.requires_grad)
            for name, tensor in model.state_dict(keep_vars=True).items()
        },
        "values": {name: tensor.tolist() for name, tensor in model.state_dict().items()},
        "gradients": {
            name: (id(p.grad), p.grad.tolist()) for name, p in model.named_parameters() if p.grad is not None
        },
        "random": torch.random.get_rng_state().tolist(),
        "grad mode": torch.is_grad_enabled(),
        "default": (torch.get_default_dtype(), torch.get_default_device()),
    }
