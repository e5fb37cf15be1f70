"""The Pure Transformer: a decoder-only language model."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .block import TransformerBlock
from .cache import KVCache
from .config import TransformerConfig
from .norm import RMSNorm
from .rope import RotaryEmbedding
from .sampling import sample

__all__ = ["LossOutput", "TransformerLM"]


@dataclass(frozen=True)
class LossOutput:
    """What the model returns when it is given labels."""

    category: ClassVar[str] = "Core architecture"

    logits: Tensor  # [batch, sequence, vocab]
    loss: Tensor  # the scalar to minimise: cross-entropy, plus index_loss_weight · index_loss
    index_loss: Tensor | None  # the indexers' KL loss averaged over the layers; None when attention is dense


torch.export.register_dataclass(LossOutput)


class TransformerLM(nn.Module):
    """A decoder-only language model: what token comes next?

    Pre-norm blocks of grouped-query attention and SwiGLU, with rotary positions, normalised queries and
    keys, and RMS norms without parameters. No layer has a bias and there is no dropout, so that training
    and evaluation mode are the same function.
    """

    category: ClassVar[str] = "Core architecture"

    example_dynamic_shapes: ClassVar[dict[str, dict[int, str]]] = {"input_ids": {0: "batch", 1: "sequence"}}
    """The names of those dimensions of `example_inputs` that may be of any size."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.rope = RotaryEmbedding(config.head_dim, config.rope_theta)
        sparse = config.attention == "sparse"
        self.index_rope = RotaryEmbedding(config.index_head_dim, config.rope_theta) if sparse else None
        self.layers = nn.ModuleList(TransformerBlock(config) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.init_weights()

    @torch.no_grad()
    def init_weights(self) -> None:
        """Draw new weights, N(0, 0.02²), and tie the head if the config says so.

        The two projections of each block that write to the residual stream start smaller, by √(2 · layers),
        so that the stream's variance does not grow with depth (GPT-2; Radford et al., 2019).
        """
        if self.config.tie_embeddings:
            self.head.weight = self.embedding.weight
        for name, parameter in self.named_parameters():
            writes_to_stream = name.endswith(("o_proj.weight", "down_proj.weight"))
            shrink = (2 * self.config.num_layers) ** -0.5 if writes_to_stream else 1.0
            nn.init.normal_(parameter, std=0.02 * shrink)

    def forward(
        self, input_ids: Tensor, labels: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor | LossOutput:
        """The logits of the token after each input: `[batch, sequence]` → `[batch, sequence, vocab]`.

        With `labels`, a `LossOutput`. They are shifted already: `labels[b, t]` is the token that follows
        `input_ids[b, t]`, or -100 where the prediction does not count. (If none counts, the loss is NaN.)

        With `cache`, `input_ids` continue the tokens that it remembers, and it remembers them as well from
        then on.

        Raises:
            ValueError: `input_ids` is not an integer `[batch, sequence]` that fits in the context; `labels`
                has another shape; or `labels` and `cache` are both given.
        """
        start = 0 if cache is None else cache.length
        self._check(input_ids, labels, cache, start)
        hidden = self.embedding(input_ids)  # [batch, sequence, hidden]
        rotation = self.rope(hidden, start)
        index_rotation = None if self.index_rope is None else self.index_rope(hidden, start)

        index_losses = []
        caches = [None] * len(self.layers) if cache is None else cache.layers
        for layer, layer_cache in zip(self.layers, caches, strict=True):
            if labels is not None and index_rotation is not None:
                index_losses.append(layer.index_loss(hidden, rotation, index_rotation))  # type: ignore[operator]  # a module's method
            hidden = layer(hidden, rotation, index_rotation, layer_cache)

        logits: Tensor = self.head(self.norm(hidden))
        if labels is None:
            return logits
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
        if not index_losses:
            return LossOutput(logits, loss, None)
        index_loss = torch.stack(index_losses).mean()
        return LossOutput(logits, loss + self.config.index_loss_weight * index_loss, index_loss)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        max_new_tokens: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Continue a prompt: `[batch, sequence]` → `[batch, sequence + max_new_tokens]`, the prompt included.

        A `temperature` of 0 always takes the likeliest token; `top_k` draws from the likeliest few;
        `generator` makes the draws repeatable.

        Raises:
            ValueError: the prompt is empty, the result would not fit in the context, or a number is out of
                range.
        """
        if max_new_tokens < 0:
            raise ValueError(f"max_new_tokens is {max_new_tokens}; it must be zero or positive")
        if input_ids.shape[-1] == 0:
            raise ValueError("input_ids is empty; generation needs at least one token to start from")
        total = input_ids.shape[-1] + max_new_tokens
        if total > self.config.context_length:
            raise ValueError(
                f"{input_ids.shape[-1]} tokens and max_new_tokens={max_new_tokens} make {total}; "
                f"context_length is {self.config.context_length}"
            )
        cache = KVCache(self.config.num_layers)
        tokens = new = input_ids
        for _ in range(max_new_tokens):
            logits = self(new, cache=cache)[:, -1]
            new = sample(logits, temperature, top_k, generator)
            tokens = torch.cat((tokens, new), dim=1)
        return tokens

    def num_parameters(self) -> int:
        """How many numbers the model learns; a tied head counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def example_inputs(self, batch: int = 2, sequence: int = 16) -> dict[str, Tensor]:
        """The arguments of `forward` by name, for tracing: all zeros, on the model's device."""
        shape = batch, min(sequence, self.config.context_length)
        return {"input_ids": torch.zeros(shape, dtype=torch.int64, device=self.embedding.weight.device)}

    def _check(self, input_ids: Tensor, labels: Tensor | None, cache: KVCache | None, start: int) -> None:
        if input_ids.dtype not in (torch.int64, torch.int32):
            raise ValueError(f"input_ids has dtype {input_ids.dtype}; it must be torch.int64 or torch.int32")
        if input_ids.ndim != 2:
            raise ValueError(f"input_ids has shape {list(input_ids.shape)}; it must be [batch, sequence]")
        # An exported program takes its limits from dynamic_shapes; a check here would add one, unasked for.
        if not torch.compiler.is_exporting():
            length = start + input_ids.shape[1]
            if length > self.config.context_length:
                raise ValueError(f"the sequence has length {length}; context_length is {self.config.context_length}")
        if labels is not None and labels.shape != input_ids.shape:
            raise ValueError(f"labels has shape {list(labels.shape)}; it must be {list(input_ids.shape)}, as input_ids")
        if labels is not None and cache is not None:
            raise ValueError("labels and cache were both given; a loss needs the whole sequence at once")
