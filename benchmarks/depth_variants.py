"""The preset ``medium`` with other numbers of layers: targets for ``ptgraph export depth_variants.py:layers_24``."""

from __future__ import annotations

from ptgraph.models import TransformerLM, build


def layers_12() -> TransformerLM:
    """Return it with half its layers."""
    return build("medium", num_layers=12)


def layers_24() -> TransformerLM:
    """Return it as it is."""
    return build("medium", num_layers=24)


def layers_48() -> TransformerLM:
    """Return it with twice its layers."""
    return build("medium", num_layers=48)


def layers_96() -> TransformerLM:
    """Return it with four times its layers."""
    return build("medium", num_layers=96)
