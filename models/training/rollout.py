"""Rollouts: the model answers prompts, and remembers with which probabilities and from which choice of tokens."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ..cache import KVCache
from ..transformer import TransformerLM
from .stage import stage
from .tokenizer import end_token

__all__ = ["Rollout", "allowed_tokens", "generate", "token_log_probs"]


@dataclass(frozen=True)
class Rollout:
    """Completions of prompts, a row each. A token counts up to and with the first `END`."""

    category: ClassVar[str] = "Training"

    tokens: Tensor  # [rows, sequence]: prompt and completion, then END up to the longest
    prompt_length: Tensor  # [rows]
    mask: Tensor  # [rows, new], true where a token of the completion counts
    allowed: Tensor  # [rows, new, vocab], true where the sampler could draw: the sampling mask
    log_probs: Tensor  # [rows, new], of the drawn tokens among those allowed, by the policy that drew them
    completions: tuple[str, ...]


def allowed_tokens(logits: Tensor, top_k: int | None, top_p: float) -> Tensor:
    """Which tokens the sampler may draw: `[..., vocab]` → a mask of the same shape.

    Those among the `top_k` likeliest that are needed for a probability of `top_p` (nucleus sampling; Holtzman et al.,
    2020); the likeliest is always one.
    """
    ordered, tokens = logits.sort(dim=-1, descending=True)
    probabilities = ordered.softmax(dim=-1)
    keep = probabilities.cumsum(dim=-1) - probabilities < top_p  # what the likelier ones leave open
    if top_k is not None:
        keep[..., top_k:] = False
    keep[..., 0] = True
    return torch.zeros_like(keep).scatter(-1, tokens, keep)


@stage("Training")
@torch.no_grad()
def generate(
    model: TransformerLM,
    prompts: Sequence[str],
    tokenizer: Tokenizer,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Rollout:
    """Complete every prompt by sampling, those of the same length at once.

    Raises:
        ValueError: a prompt with `max_new_tokens` more does not fit in the context.
    """
    end = end_token(tokenizer)
    encoded = [tokenizer.encode(prompt).ids for prompt in prompts]
    longest = max(map(len, encoded))
    if longest + max_new_tokens > model.config.context_length:
        raise ValueError(
            f"a prompt of {longest} tokens and max_new_tokens={max_new_tokens} do not fit in "
            f"context_length={model.config.context_length}"
        )
    by_length: dict[int, list[int]] = defaultdict(list)
    for row, ids in enumerate(encoded):
        by_length[len(ids)].append(row)

    rows, vocab, device = len(prompts), model.config.vocab_size, model.head.weight.device
    tokens = torch.full((rows, longest + max_new_tokens), end, device=device)
    log_probs = torch.zeros(rows, max_new_tokens, device=device)
    mask = torch.zeros(rows, max_new_tokens, dtype=torch.bool, device=device)
    allowed = torch.zeros(rows, max_new_tokens, vocab, dtype=torch.bool, device=device)
    for length, members in by_length.items():
        new = torch.tensor([encoded[row] for row in members], device=device)
        tokens[members, :length] = new
        cache = KVCache(model.config.num_layers)
        going = torch.ones(len(members), dtype=torch.bool, device=device)
        for index in range(max_new_tokens):
            logits = model(new, cache=cache)[:, -1].float() / temperature
            may = allowed_tokens(logits, top_k, top_p)
            chances = torch.where(may, logits, -torch.inf).log_softmax(dim=-1)
            new = torch.multinomial(chances.exp(), 1, generator=generator)
            new = torch.where(going[:, None], new, end)
            tokens[members, length + index] = new[:, 0]
            log_probs[members, index] = torch.where(going, chances.gather(-1, new)[:, 0], 0.0)
            mask[members, index] = going
            allowed[members, index] = may
            going = going & (new[:, 0] != end)
            if not going.any():
                break
    lengths = torch.tensor([len(ids) for ids in encoded], device=device)
    texts = tokenizer.decode_batch(
        [
            row[start : start + count].tolist()
            for row, start, count in zip(tokens, lengths.tolist(), mask.sum(dim=1).tolist(), strict=True)
        ]
    )
    return Rollout(tokens, lengths, mask, allowed, log_probs, tuple(texts))


def token_log_probs(model: TransformerLM, rollout: Rollout, temperature: float) -> Tensor:
    """How likely a policy finds the drawn tokens, among those the sampler allowed: log-probabilities `[rows, new]`.

    The sampling mask is kept, so that two policies are compared over the same choice of tokens
    (DeepSeek-V3.2, 2025, "Keep Sampling Mask").
    """
    new = rollout.mask.shape[1]
    logits = model(rollout.tokens[:, :-1])
    at = rollout.prompt_length[:, None] - 1 + torch.arange(new, device=logits.device)  # where a token is predicted
    logits = logits.gather(1, at[..., None].expand(-1, -1, logits.shape[-1])).float() / temperature
    drawn = rollout.tokens.gather(1, at + 1)
    allowed = rollout.allowed | ~rollout.mask[..., None]  # all, where nothing was drawn: no -inf to spread
    chances = torch.where(allowed, logits, -torch.inf).log_softmax(dim=-1)
    return torch.where(rollout.mask, chances.gather(-1, drawn[..., None])[..., 0], 0.0)
