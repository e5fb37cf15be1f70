"""Categories of modules: what the class declares, or else what rules on the class give.

A class says its own category with a class attribute ``category = "Attention"``. For classes that say nothing,
the rules look at where in ``torch.nn`` the class (or a base of it) comes from, then at the words in its name,
then at whether it has parts.
"""

from __future__ import annotations

import re

_TORCH_MODULES = {
    "activation": "Activation",
    "batchnorm": "Normalization",
    "container": "Container",
    "conv": "Convolution",
    "dropout": "Dropout",
    "instancenorm": "Normalization",
    "linear": "Linear",
    "loss": "Loss",
    "normalization": "Normalization",
    "padding": "Convolution",
    "pooling": "Pooling",
    "rnn": "Recurrent",
    "sparse": "Embedding",
    "transformer": "Layers & blocks",
    "upsampling": "Pooling",
}

_ATTENTION = "torch.nn.modules.activation.MultiheadAttention"
# Short words count where they begin a word of a name: GptOssModel is no state space model (ssm).
_WORDS = (
    (r"attention|attn", "Attention"),
    (r"rotary|(?-i:RoPE|ROPE|Rope(?![a-z])|\brope)|embed", "Embedding"),
    (r"norm(?!al(?!i))", "Normalization"),  # a NormalCell is none
    (r"linear(\d+bit)?$|(?-i:^Conv1D$)", "Linear"),  # transformers' Conv1D is one
    (r"mlp|feed.?forward|ffn|expert|(?-i:MoE|MOE|Moe(?![a-z])|\bmoe)|router|block|layer|stage", "Layers & blocks"),
    (r"activation|gelu|relu|silu|softmax", "Activation"),
    (r"pool", "Pooling"),
    (r"drop", "Dropout"),
    (r"conv", "Convolution"),
    (r"lstm|(?-i:GRU|Gru(?![a-z])|\bgru|RNN|Rnn|\brnn|SSM|Ssm|\bssm)|mamba", "Recurrent"),
    (r"loss", "Loss"),
)


def category(class_: type, *, has_parts: bool, root: bool = False) -> str:
    """Return the category of a module of *class_*; that of a *root* that declares none is the core architecture."""
    declared = getattr(class_, "category", None)
    if isinstance(declared, str):
        return declared
    types = [f"{base.__module__}.{base.__qualname__}" for base in class_.__mro__]
    if _ATTENTION in types:
        return "Attention"
    if root and has_parts:
        return "Core architecture"
    for base in class_.__mro__:
        found = _of_torch(base.__module__)
        named_by_user = found == "Container" and base is not class_  # a Sequential with a name of its own
        if found is not None and not named_by_user:
            return found
    return category_of_name(class_.__name__, has_parts=has_parts)


def category_of_type(type_: str, *, has_parts: bool, root: bool = False) -> str:
    """Return the category of a module of which only the class's name, ``package.module.Class``, is known."""
    if type_ == _ATTENTION:
        return "Attention"
    if root and has_parts:
        return "Core architecture"
    module, _, name = type_.rpartition(".")
    return _of_torch(module) or category_of_name(name, has_parts=has_parts)


def _of_torch(module: str) -> str | None:
    """Return the category of the classes in a module of torch, or None for any other module."""
    package, _, file = module.rpartition(".")
    return _TORCH_MODULES.get(file) if package == "torch.nn.modules" else None


def category_of_name(class_name: str, *, has_parts: bool) -> str:
    """Return the category that the words of a class name suggest, for a class whose code is not at hand."""
    for pattern, word in _WORDS:
        if re.search(pattern, class_name, re.IGNORECASE):
            return word
    return "Layers & blocks" if has_parts else "Other"


__all__ = ["category", "category_of_name", "category_of_type"]
