"""Nested inputs and outputs of ``forward``: as plain containers, and each tensor in them by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import fx

from ptgraph.tracing.torch_internals import pytree


def plain_containers(result: Any) -> Any:
    """Return *result* with dicts in place of what is in it whose parts torch does not know by name.

    These are dataclasses, mappings, and classes that were made known to torch without names for their parts.
    """
    if not any(map(_opens, pytree.tree_leaves(result, is_leaf=_opens))):
        return result
    return pytree.tree_map(lambda leaf: _open(leaf) if _opens(leaf) else leaf, result, is_leaf=_opens)


def _opens(value: Any) -> bool:
    known = pytree.SUPPORTED_NODES.get(type(value))
    if known is not None:
        return known.flatten_with_keys_fn is None
    return isinstance(value, Mapping) or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def _open(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif dataclasses.is_dataclass(value):
        pairs = [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    else:
        pairs = list(enumerate(pytree.SUPPORTED_NODES[type(value)].flatten_fn(value)[0]))
    return {str(name): plain_containers(part) for name, part in pairs}


def output_names(result: Any) -> list[tuple[str, fx.Node]]:
    """Return (name, node) for each output: ``logits``, ``past.0``; a lone one is called ``output``."""
    found = pytree.tree_flatten_with_path(plain_containers(result))[0]
    return [(".".join(map(key_name, path)) or "output", value) for path, value in found if isinstance(value, fx.Node)]


def key_name(key: Any) -> str:
    """Return the plain form of one step of a pytree path: a field, a key or an index."""
    return str(next(getattr(key, a) for a in ("key", "name", "idx") if hasattr(key, a)))


__all__ = ["key_name", "output_names", "plain_containers"]
