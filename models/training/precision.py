"""bfloat16 where the device computes in it, float32 everywhere else."""

import torch

__all__ = ["autocast"]


def autocast(device: torch.device) -> torch.autocast:
    """A context in which matrix products run in bfloat16 if the device has it in hardware; weights stay float32."""
    has_it = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=has_it)
