"""The shape of a Pure Transformer, checked when it is written down."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

__all__ = ["AttentionKind", "TransformerConfig"]

AttentionKind = Literal["dense", "sparse"]

_COUNTS = (
    "vocab_size",
    "context_length",
    "hidden_size",
    "intermediate_size",
    "num_layers",
    "num_heads",
    "num_kv_heads",
    "head_dim",
    "index_heads",
    "index_head_dim",
    "index_top_k",
)


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Everything that decides the shape of a `TransformerLM`; the sizes have no default, the rest does.

    Raises:
        ValueError: a field is out of range; the message names the field, its value and what is allowed.
    """

    category: ClassVar[str] = "Core architecture"

    hidden_size: int  # width of the residual stream
    intermediate_size: int  # width inside the feed-forward network
    num_layers: int
    num_heads: int  # query heads
    num_kv_heads: int  # key and value heads; each serves num_heads / num_kv_heads query heads
    head_dim: int  # width of one head, of any kind

    vocab_size: int = 50_304  # GPT-2's 50 257 tokens, rounded up to a multiple of 128
    context_length: int = 2048
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6
    tie_embeddings: bool = False  # use the embedding's weight as the head's

    attention: AttentionKind = "dense"
    # The rest is read only when attention is "sparse".
    index_heads: int = 4
    index_head_dim: int = 32
    index_top_k: int = 256  # keys each query may attend to
    index_loss_weight: float = 1.0

    def __post_init__(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            if type(value) is not int or value < 1:  # not isinstance: True is an int too
                raise self._error(name, "a positive integer")
        for name in ("head_dim", "index_head_dim"):
            if getattr(self, name) % 2:
                raise self._error(name, "an even number, because RoPE rotates pairs")
        if self.num_heads % self.num_kv_heads:
            raise self._error("num_kv_heads", f"a divisor of num_heads ({self.num_heads})")
        for name in ("rope_theta", "norm_eps"):
            if not 0 < getattr(self, name) < float("inf"):
                raise self._error(name, "a positive number")
        if not 0 <= self.index_loss_weight < float("inf"):
            raise self._error("index_loss_weight", "zero or a positive number")
        if self.attention not in get_args(AttentionKind):
            raise self._error("attention", " or ".join(map(repr, get_args(AttentionKind))))

    def _error(self, name: str, allowed: str) -> ValueError:
        return ValueError(f"{name} is {getattr(self, name)!r}; it must be {allowed}")
