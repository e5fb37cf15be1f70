"""The Pure Transformer: a complete language model, one idea per file.

Read `transformer.py` first; `block.py`, `attention.py` and the rest follow from it.
"""

from .attention import Attention
from .block import TransformerBlock
from .cache import KVCache, LayerCache
from .config import TransformerConfig
from .feed_forward import SwiGLU
from .norm import RMSNorm
from .presets import PRESETS, build
from .rope import RotaryEmbedding
from .sparse import LightningIndexer
from .transformer import LossOutput, TransformerLM

__all__ = [
    "PRESETS",
    "Attention",
    "KVCache",
    "LayerCache",
    "LightningIndexer",
    "LossOutput",
    "RMSNorm",
    "RotaryEmbedding",
    "SwiGLU",
    "TransformerBlock",
    "TransformerConfig",
    "TransformerLM",
    "build",
]
