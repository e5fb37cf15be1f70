"""Sparse attention: a small network picks the keys that are worth attending to."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import causal_mask
from .cache import LayerCache
from .config import TransformerConfig
from .norm import RMSNorm
from .rope import Rotation, rotate

__all__ = ["LightningIndexer"]


class LightningIndexer(nn.Module):
    """Choose the `top_k` keys of every query (DeepSeek-V3.2, 2025).

    Key s matters to query t by the score I(t, s) = Σⱼ w(t, j) · ReLU(q(t, j) · k(s)), over a few small
    heads j that share one key. The attention then looks only at the best keys of each query.

    Choosing has no gradient, so the language-model loss teaches the indexer nothing. It learns from `loss`
    alone: to predict the attention's own probabilities.
    """

    category: ClassVar[str] = "Attention"

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.index_heads
        self.head_dim = config.index_head_dim
        self.top_k = config.index_top_k
        self.q_proj = nn.Linear(config.hidden_size, config.index_heads * config.index_head_dim, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.index_head_dim, bias=False)
        self.weight_proj = nn.Linear(config.hidden_size, config.index_heads, bias=False)
        self.k_norm = RMSNorm(config.index_head_dim, config.norm_eps)

    def forward(self, x: Tensor, rotation: Rotation, cache: LayerCache | None = None) -> Tensor:
        """Which keys each query attends to: `[batch, sequence, hidden]` → a mask `[batch, sequence, keys]`.

        `cache` holds the index keys of earlier tokens, and gains those of `x`.
        """
        return self.select(self.score(x, rotation, cache))

    def score(self, x: Tensor, rotation: Rotation, cache: LayerCache | None = None) -> Tensor:
        """I(t, s), -inf where s is in the future: `[batch, sequence, hidden]` → `[batch, sequence, keys]`."""
        queries = rotate(torch.unflatten(self.q_proj(x), -1, (self.heads, -1)).transpose(1, 2), rotation)
        keys = self.k_norm(rotate(self.k_proj(x), rotation))  # [batch, sequence, head_dim]: one for all heads
        if cache is not None:
            keys = cache.extend("index_keys", keys)
        weights = self.weight_proj(x) * (self.heads * self.head_dim) ** -0.5  # [batch, sequence, heads]
        matches = (queries @ keys.unsqueeze(1).mT).relu()  # [batch, heads, sequence, keys]
        scores = (matches * weights.mT.unsqueeze(-1)).sum(dim=1)
        return torch.where(causal_mask(x.shape[1], keys.shape[1], x.device), scores, float("-inf"))

    def select(self, scores: Tensor) -> Tensor:
        """Each query's `top_k` best keys, or all if it has fewer: a mask like `scores`, true where chosen.

        ReLU makes scores of exactly zero common. Among those the later key wins, by a nudge far too small
        to change any other comparison; other ties, as good as impossible in float32, are all chosen.
        """
        keys = torch.arange(scores.shape[-1], dtype=scores.dtype, device=scores.device)
        scores = scores + keys * 1e-20
        # Padding makes top_k exist at any length; it ranks above the future (-inf) and below everything else.
        padded = F.pad(scores, (0, self.top_k), value=torch.finfo(scores.dtype).min)
        return scores >= padded.topk(self.top_k).values[..., -1:]

    def loss(self, scores: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        """KL(target ‖ softmax of the chosen scores), averaged over the queries: a scalar.

        All three are `[batch, sequence, keys]`. `target` holds the attention's probabilities, zero outside
        `mask`, summed over the heads and normalised; no gradient flows into it.
        """
        predicted = torch.where(mask, scores, float("-inf")).log_softmax(dim=-1)
        predicted = torch.where(mask, predicted, 0.0)  # 0 · -inf is not a number; the target is 0 here anyway
        return F.kl_div(predicted.flatten(0, 1), target.detach().flatten(0, 1), reduction="batchmean")

    def extra_repr(self) -> str:
        """What `print(model)` shows between the parentheses."""
        return f"top_k={self.top_k}"
