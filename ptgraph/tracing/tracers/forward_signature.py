"""The signature of ``forward``: arguments by name, and names for its outputs."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn

from ptgraph.errors import UsageError
from ptgraph.tracing.torch_internals import pytree


def arguments(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``forward`` by name: those that its ``**kwargs`` takes stand by their own."""
    signature = inspect.signature(model.forward)
    found: dict[str, Any] = {}
    for name, value in signature.bind(*args, **kwargs).arguments.items():
        found |= value if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    return found


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


def bind(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return arguments(model, args, kwargs)
    except TypeError as error:
        wanted = ", ".join(
            name + ("" if p.default is p.empty else " (optional)")
            for name, p in inspect.signature(model.forward).parameters.items()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        )
        raise UsageError(
            f"the inputs do not fit {type(model).__name__}.forward: {error}; it takes: {wanted or 'nothing'}"
        ) from error


def inputs_text(given: dict[str, Any]) -> str:
    shapes = [
        f"{name} {str(value.dtype).removeprefix('torch.')}"
        f"[{'nested' if value.is_nested else '×'.join(map(str, value.shape))}]"
        for name, value in given.items()
        if isinstance(value, torch.Tensor)
    ]
    return f" with {', '.join(shapes)}" if shapes else ""


__all__ = ["arguments", "bind", "inputs_text", "key_name", "output_names", "plain_containers"]
