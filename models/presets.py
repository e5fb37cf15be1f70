"""Seven sizes to start from."""

from dataclasses import replace
from typing import Any

from .config import TransformerConfig
from .transformer import TransformerLM

__all__ = ["PRESETS", "build"]


def _size(hidden: int, swiglu: int, layers: int, heads: int, kv_heads: int, head_dim: int) -> TransformerConfig:
    return TransformerConfig(
        hidden_size=hidden,
        intermediate_size=swiglu,
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=kv_heads,
        head_dim=head_dim,
    )


PRESETS: dict[str, TransformerConfig] = {
    "nano": replace(_size(128, 352, 4, 4, 2, 32), vocab_size=512, context_length=256),  # 0.9 M parameters
    "tiny": _size(512, 1408, 12, 8, 2, 64),  # 85 M parameters
    "small": _size(768, 2048, 16, 12, 4, 64),  # 178 M
    "medium": _size(1024, 2816, 24, 16, 4, 64),  # 374 M
    "medium-large": _size(1152, 3168, 20, 16, 4, 72),  # 401 M
    "large": _size(1536, 4224, 24, 16, 4, 96),  # 763 M
    "xlarge": _size(1920, 5280, 32, 20, 5, 96),  # 1.46 B
}


def build(preset: str, **overrides: Any) -> TransformerLM:
    """A new model of a preset's size, with any field of its `TransformerConfig` replaced.

    `build("tiny", attention="sparse")`. Under `with torch.device("meta"):` it costs no memory.

    Raises:
        ValueError: there is no such preset, or an override is out of range.
        TypeError: an override is not a field of `TransformerConfig`.
    """
    if preset not in PRESETS:
        raise ValueError(f"there is no preset {preset!r}; choose from {', '.join(PRESETS)}")
    return TransformerLM(replace(PRESETS[preset], **overrides))
