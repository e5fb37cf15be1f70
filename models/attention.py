"""Grouped-query attention."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .cache import LayerCache
from .config import TransformerConfig
from .norm import RMSNorm
from .rope import Rotation, rotate

__all__ = ["Attention", "causal_mask"]


def causal_mask(queries: int, keys: int, device: torch.device) -> Tensor:
    """Which keys a query may see, `[queries, keys]`, true for yes.

    The last query stands at the last key: when there are more keys than queries, the first ones are the past.
    """
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


class Attention(nn.Module):
    """Causal self-attention; several query heads share one key and value head (GQA; Ainslie et al., 2023).

    Queries and keys are rotated by position (RoPE), then normalised (QK-norm; Henry et al., 2020) so that
    no dot product can outgrow the softmax. A rotation keeps lengths, so the order of the two does not
    matter.
    """

    category: ClassVar[str] = "Attention"

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.num_kv_heads = config.num_kv_heads
        self.head_dim = config.head_dim
        self.q_proj = nn.Linear(config.hidden_size, config.num_heads * config.head_dim, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.num_kv_heads * config.head_dim, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, config.num_kv_heads * config.head_dim, bias=False)
        self.o_proj = nn.Linear(config.num_heads * config.head_dim, config.hidden_size, bias=False)
        self.q_norm = RMSNorm(config.head_dim, config.norm_eps)
        self.k_norm = RMSNorm(config.head_dim, config.norm_eps)

    def forward(
        self, x: Tensor, rotation: Rotation, mask: Tensor | None = None, cache: LayerCache | None = None
    ) -> Tensor:
        """`[batch, sequence, hidden]` → `[batch, sequence, hidden]`.

        `mask`, true where attention is allowed, broadcasts to `[batch, heads, sequence, keys]` and must be
        causal itself; without one every query sees all keys up to its own. `cache` holds the keys and
        values of earlier tokens, and gains those of `x`.
        """
        queries, keys = self._queries_and_keys(x, rotation)  # [batch, heads, sequence, head_dim]
        values = self._split(self.v_proj(x), self.num_kv_heads)
        if cache is not None:
            keys, values = cache.extend("keys", keys), cache.extend("values", values)
            if mask is None and keys.shape[2] > queries.shape[2]:
                mask = causal_mask(queries.shape[2], keys.shape[2], x.device)
        attended = F.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, is_causal=mask is None, enable_gqa=True
        )
        output: Tensor = self.o_proj(attended.transpose(1, 2).flatten(2))
        return output

    def probabilities(self, x: Tensor, rotation: Rotation, mask: Tensor) -> Tensor:
        """How much each query attends to each key, averaged over the heads: every row sums to one.

        `[batch, sequence, hidden]` → `[batch, sequence, sequence]`. `mask` is that of `forward`. The fused
        attention kernel does not give its probabilities away, so they are computed here a second time.
        """
        queries, keys = self._queries_and_keys(x, rotation)
        keys = keys.repeat_interleave(self.num_heads // self.num_kv_heads, dim=1)
        scores: Tensor = queries @ keys.mT * self.head_dim**-0.5
        return torch.where(mask, scores, float("-inf")).softmax(dim=-1).mean(dim=1)

    def _queries_and_keys(self, x: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor]:
        queries = self._split(self.q_proj(x), self.num_heads)
        keys = self._split(self.k_proj(x), self.num_kv_heads)
        return self.q_norm(rotate(queries, rotation)), self.k_norm(rotate(keys, rotation))

    @staticmethod
    def _split(x: Tensor, heads: int) -> Tensor:
        """`[batch, sequence, heads · head_dim]` → `[batch, heads, sequence, head_dim]`."""
        return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)
