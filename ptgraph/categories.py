"""What kind of thing a module is: what its class declares, or else a rule on the class.

A class says its own category with a class attribute ``category = "Attention"``. For classes that say nothing,
the rules look at where in ``torch.nn`` the class (or a base of it) comes from, then at the words in its name,
then at whether it has parts.
"""

from __future__ import annotations

import re

from torch import nn

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

_WORDS = (
    (r"attention|attn", "Attention"),
    (r"rotary|rope|embed", "Embedding"),
    (r"norm", "Normalization"),
    (r"mlp|feed.?forward|ffn|expert|moe|router|block|layer|stage", "Layers & blocks"),
    (r"activation|gelu|relu|silu|softmax", "Activation"),
    (r"pool", "Pooling"),
    (r"drop", "Dropout"),
    (r"conv", "Convolution"),
    (r"lstm|gru|rnn|mamba|ssm", "Recurrent"),
    (r"loss", "Loss"),
)


def category(module: nn.Module, *, root: bool = False) -> str:
    """Return the category of *module*; the *root* of a model that declares none is the core architecture."""
    declared = getattr(type(module), "category", None)
    if isinstance(declared, str):
        return declared
    if isinstance(module, nn.MultiheadAttention):
        return "Attention"
    has_parts = next(module.children(), None) is not None  # an empty container is false, and a part all the same
    if root and has_parts:
        return "Core architecture"
    for base in type(module).__mro__:
        package, _, file = base.__module__.rpartition(".")
        named_by_user = file == "container" and base is not type(module)  # a Sequential with a name of its own
        if package == "torch.nn.modules" and file in _TORCH_MODULES and not named_by_user:
            return _TORCH_MODULES[file]
    return category_of_name(type(module).__name__, has_parts=has_parts)


def category_of_name(class_name: str, *, has_parts: bool) -> str:
    """Return the category that the words of a class name suggest, for a class whose code is not at hand."""
    for pattern, word in _WORDS:
        if re.search(pattern, class_name, re.IGNORECASE):
            return word
    return "Layers & blocks" if has_parts else "Other"


__all__ = ["category", "category_of_name"]
