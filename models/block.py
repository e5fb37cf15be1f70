"""One layer of the model."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from .attention import Attention
from .cache import LayerCache
from .config import TransformerConfig
from .feed_forward import SwiGLU
from .norm import RMSNorm
from .rope import Rotation
from .sparse import LightningIndexer

__all__ = ["TransformerBlock"]


class TransformerBlock(nn.Module):
    """Attention, then a feed-forward network; each reads a normalised residual stream and adds to it."""

    category: ClassVar[str] = "Layers & blocks"

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.indexer = LightningIndexer(config) if config.attention == "sparse" else None
        self.attention = Attention(config)
        self.feed_forward_norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.feed_forward = SwiGLU(config.hidden_size, config.intermediate_size)

    def forward(
        self,
        hidden: Tensor,
        rotation: Rotation,
        index_rotation: Rotation | None = None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        """`[batch, sequence, hidden]` → `[batch, sequence, hidden]`.

        `rotation` turns the attention's heads and `index_rotation` the indexer's, if there is one. `cache`
        holds what the block knows of earlier tokens, and gains what it learns of these.
        """
        x = self.attention_norm(hidden)
        mask = None
        if self.indexer is not None:
            mask = self.indexer(x, index_rotation, cache).unsqueeze(1)  # the same keys for every head
        hidden = hidden + self.attention(x, rotation, mask, cache)
        hidden = hidden + self.feed_forward(self.feed_forward_norm(hidden))
        return hidden

    def index_loss(self, hidden: Tensor, rotation: Rotation, index_rotation: Rotation) -> Tensor:
        """How far the indexer is from predicting the attention, for the input of `forward`: a scalar.

        Its gradient reaches the indexer's weights and nothing else.

        Raises:
            ValueError: this block's attention is dense.
        """
        if self.indexer is None:
            raise ValueError('only a block with attention="sparse" has an index loss')
        x = self.attention_norm(hidden).detach()
        scores = self.indexer.score(x, index_rotation)
        mask = self.indexer.select(scores)
        with torch.no_grad():
            target = self.attention.probabilities(x, rotation, mask.unsqueeze(1))
        return self.indexer.loss(scores, mask, target)
