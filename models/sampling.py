"""From logits to the next token."""

import torch
from torch import Tensor

__all__ = ["sample"]


def sample(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw a token for every row: `[batch, vocab]` → `[batch, 1]`.

    A temperature of 0 takes the likeliest token. Otherwise the logits are divided by the temperature, and
    only the `top_k` likeliest tokens (all, when None) take part in the draw.

    Raises:
        ValueError: `temperature` is negative, or `top_k` is less than 1.
    """
    if not temperature >= 0:
        raise ValueError(f"temperature is {temperature}; it must be zero or positive")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}; it must be at least 1, or None for all tokens")
    if temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    if top_k is not None and top_k < logits.shape[-1]:
        logits, tokens = logits.topk(top_k)
        return tokens.gather(-1, sample(logits, temperature, generator=generator))
    return torch.multinomial((logits / temperature).softmax(dim=-1), 1, generator=generator)
