"""What a model is, in depth: every object that it reaches, with its identity and what it holds, and the random states.

It shares no code with `ptgraph.tracing.state_guard`.
"""

from __future__ import annotations

import hashlib
import random
import types
from collections import OrderedDict, deque
from typing import Any

import numpy as np
import torch

Fact = tuple[Any, ...]
MANY = 1000  # numbers of a tensor
_CONTAINERS: Any = (list, tuple, deque)
_ENDS = (types.ModuleType, type, types.BuiltinFunctionType, types.FunctionType)


class Fingerprint:
    """Facts of *value*, each with the way to it; ``kept`` keeps the objects alive, so that no id is given again."""

    def __init__(self, value: Any) -> None:
        self.facts: list[Fact] = []
        self.kept: dict[int, tuple[Any, str]] = {}
        self._visit(value, "it")
        self.facts.append(("torch", torch.get_rng_state().tolist(), torch.is_grad_enabled(), torch.get_default_dtype()))
        self.facts.append(("python", random.getstate()))
        self.facts.append(("numpy", repr(np.random.get_state())))

    def changes(self, other: Fingerprint) -> list[str]:
        """Return the first facts in which *other* differs."""
        pairs = [(a, b) for a, b in zip(self.facts, other.facts, strict=False) if a != b]
        return [f"{str(a)[:300]} → {str(b)[:300]}" for a, b in pairs[:5]]

    def _visit(self, value: Any, way: str) -> None:
        if type(value) in (int, float, bool, str, bytes, complex, type(None)):
            self.facts.append((way, repr(value)))
            return
        if id(value) in self.kept:
            self.facts.append((way, "is", self.kept[id(value)][1]))
            return
        self.kept[id(value)] = value, way
        self.facts.append((way, type(value).__qualname__, id(value)))
        if isinstance(value, torch.Tensor):
            numbers = None if value.is_meta else _numbers(value.detach())
            memory = 0 if value.is_meta else value.data_ptr()
            self.facts.append((way, value.shape, value.dtype, value.stride(), value.requires_grad, numbers, memory))
            self._visit(value.grad, f"{way}.grad")
        elif isinstance(value, np.ndarray):
            self.facts.append((way, value.tolist()))
        elif isinstance(value, torch.Generator):
            self.facts.append((way, value.get_state().tolist()))
        elif isinstance(value, random.Random):
            self.facts.append((way, value.getstate()))
        elif isinstance(value, np.random.Generator):
            self.facts.append((way, repr(value.bit_generator.state)))
        elif isinstance(value, set | frozenset):
            self.facts.append((way, sorted(map(repr, value))))
        elif isinstance(value, dict):
            items: Any = OrderedDict.items if isinstance(value, OrderedDict) else dict.items
            for number, (key, item) in enumerate(items(value)):
                self._visit(key, f"{way}.key {number}")
                self._visit(item, f"{way}[{key if type(key) in (str, int) else number}]")
        for kind in _CONTAINERS:
            if isinstance(value, kind):
                for number, item in enumerate(kind.__iter__(value)):
                    self._visit(item, f"{way}[{number}]")
        self._attributes(value, way)

    def _attributes(self, value: Any, way: str) -> None:
        if isinstance(value, _ENDS) and not isinstance(value, types.FunctionType):
            return
        try:
            own = object.__getattribute__(value, "__dict__")
        except AttributeError:
            own = None
        if type(own) is dict:
            self._visit(own, f"{way}.__dict__")
        for kind in type(value).__mro__:
            if "__slots__" in vars(kind):
                for name, member in vars(kind).items():
                    if isinstance(member, types.MemberDescriptorType):
                        self._visit(member.__get__(value), f"{way}.{name}")


def _numbers(tensor: torch.Tensor) -> Any:
    """Return the values of a tensor, or their digest if there are many."""
    if hasattr(tensor, "__tensor_flatten__"):
        return None  # its parts are attributes
    if tensor.layout is not torch.strided or tensor.numel() < MANY:
        return tensor.tolist()
    return hashlib.sha256(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


__all__ = ["Fingerprint"]
