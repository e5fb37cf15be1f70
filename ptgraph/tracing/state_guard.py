"""The state of a model, restored after tracing: tracing runs its forward, which may change anything that it reaches.

The invariant: afterwards every object that the model holds is the one that it was, with what it held, and no code of
the user's but ``forward`` has run. Objects are read and written by the built-in class that each is.
"""

from __future__ import annotations

import contextlib
import random
import sys
import types
from collections import UserDict, UserList, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ptgraph.common.silence import quiet
from ptgraph.tracing.containers import attributes, container, contents, is_a, put, slots, state
from ptgraph.tracing.module_walk import modules, to_evaluation
from ptgraph.tracing.module_walk import tensors as tensors_of
from ptgraph.tracing.torch_internals import TorchDispatchMode, is_wrapped, memory_key, schema_of

_PLAIN = frozenset((int, float, bool, str, bytes, type(None), type))
_THEIRS = sys.stdlib_module_names | {"torch", "numpy"}  # what objects of these hold is no state of the model
_OPEN = (nn.Module, UserDict, UserList, types.SimpleNamespace, types.FunctionType)
_MANY = 200_000  # objects of the user's that are looked into
COPIED = 2**30  # bytes of tensors that are neither parameters nor buffers, of which copies are made
Undo = Callable[[], object]


@contextlib.contextmanager
def left_as_found(model: nn.Module, inputs: Any = None) -> Iterator[None]:
    """Give *model* its attributes back whatever happens, and Python, torch and numpy their random states.

    That is training modes, caches, counters, hooks, and what is in containers and in objects of the user's classes; of
    tensors, their memory and flags, and the numbers of those that are neither parameters nor buffers, up to `COPIED`
    bytes of them. For the numbers of all others see `values_kept`. Containers and objects among *inputs* are given back
    what they held, too.
    """
    found = reached(model, inputs)
    held = [(value, items) for value, items in found if items is not None]
    undo = [*_random_states(), *(step for value, _ in found for step in _undo(value))]
    undo += _undo_numbers(model, [value for value, _ in found if _is_real(value)])
    scripted = [m for m in modules(model) if isinstance(m, torch.jit.ScriptModule)]  # they keep their mode elsewhere
    modes = [(module, module.training) for module in scripted if hasattr(module, "training")]
    dtype = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        for module, training in modes:
            if module.training != training:
                module.training = training
        for value, items in held:
            put(value, items)
        for step in undo:
            step()


@contextlib.contextmanager
def random_states_kept() -> Iterator[None]:
    """Give Python, torch and numpy their random states back."""
    undo = _random_states()
    try:
        yield
    finally:
        for step in undo:
            step()


@contextlib.contextmanager
def values_kept(model: nn.Module) -> Iterator[None]:
    """Give the tensors of *model* their values back, where a forward with real numbers changed them in place.

    A tensor is copied when it is about to be changed, so that this takes no memory for the others.
    """
    watch = _Written([t for t, _ in reached(model) if _is_real(t)])
    try:
        with watch:
            yield
    finally:
        watch.undo()


class _Written(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch left it untyped
    """Keeps a copy of the memory of each of *tensors* that an operator writes to, from before that."""

    supports_higher_order_operators = True

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.by_memory = {memory_key(tensor): tensor for tensor in tensors}
        self.steps: list[Undo] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        schema = schema_of(func)
        if schema is not None and schema.is_mutable:
            for number, argument in enumerate(schema.arguments):
                if argument.alias_info is not None and argument.alias_info.is_write:
                    value = args[number] if number < len(args) else kwargs.get(argument.name)
                    for tensor in value if isinstance(value, list | tuple) else [value]:
                        self._keep(tensor)
        return func(*args, **kwargs)

    def _keep(self, tensor: Any) -> None:
        if _is_real(tensor) and not is_wrapped(tensor):  # what it wraps comes here, too
            known = self.by_memory.pop(memory_key(tensor), None)
            if known is not None:
                self.steps.append(_undo_memory(known))

    def undo(self) -> None:
        for step in self.steps:
            step()


def _undo_memory(tensor: torch.Tensor) -> Undo:
    """Return what gives the memory of *tensor* its bytes back, if they have changed: in silence, and whatever views it.

    Memory that cannot be written to has not changed, and is not written to.
    """
    memory = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())
    before = memory.clone()
    return lambda: None if torch.equal(memory, before) else memory.copy_(before)


def _is_real(value: Any) -> bool:
    """Return whether *value* is a tensor with numbers in memory of the usual kind."""
    usual = type(value) in (torch.Tensor, nn.Parameter, nn.Buffer) and value.layout == torch.strided
    return usual and not value.is_meta and not value.is_nested and value.numel() > 0


def reached(model: nn.Module, inputs: Any = None) -> list[tuple[Any, list[Any] | None]]:
    """Return the attributes of all modules, the containers in them, and what those hold, each object once.

    Objects of the user's classes are looked into, too. Beside a container stands what is in it, beside any other object
    None; plain values are left out. What *inputs* hold stands with it.
    """
    found: dict[int, tuple[Any, list[Any] | None]] = {}  # an id names an object only as long as the object is kept
    left: deque[Any] = deque([*modules(model), inputs])
    while left:
        value = left.popleft()
        if type(value) in _PLAIN or id(value) in found:
            continue
        items = contents(value) if container(value) is not None else None
        found[id(value)] = value, items
        left += items or ()
        own = attributes(value) if _is_open(value, len(found)) else state(value)
        if own is not None:
            left.append(own)
        if own is not None or (items is None and _is_open(value, len(found))):
            left += slots(value).values()
    return list(found.values())


def _is_open(value: Any, count: int) -> bool:
    """Return whether what *value* has in attributes is state of the model."""
    if is_a(value, _OPEN) or is_a(value, torch.Tensor):
        return True
    kind = type(value)
    theirs = str(getattr(kind, "__module__", "")).partition(".")[0] in _THEIRS
    return count < _MANY and not theirs and not is_a(value, (type, types.ModuleType))


def _undo(value: Any) -> list[Undo]:
    """Return what gives *value* its state back that is neither items nor attributes."""
    if is_a(value, torch.Tensor):
        return _undo_tensor(value)
    if type(value) is torch.Generator:
        before = value.get_state()
        return [lambda: value.set_state(before)]
    if type(value) is random.Random:
        return [_kept(value.getstate, value.setstate)]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and type(value) is numpy.random.Generator:
        bits, known = value.bit_generator, value.bit_generator.state
        return [lambda: setattr(bits, "state", known)]
    if numpy is not None and type(value) is numpy.ndarray and value.nbytes <= COPIED and not value.dtype.hasobject:
        copy = value.copy()
        return [lambda: numpy.copyto(value, copy) if value.flags.writeable else None]
    if items := slots(value) if container(value) is None and _is_open(value, 0) else {}:
        return [partial(object.__setattr__, value, name, item) for name, item in items.items()]
    return []


def _undo_tensor(tensor: torch.Tensor) -> list[Undo]:
    """Return what gives *tensor* its memory, its gradient and its flag back."""
    if not tensor.is_leaf or type(tensor) not in (torch.Tensor, nn.Parameter, nn.Buffer):
        return []
    needs, gradient, memory = tensor.requires_grad, tensor.grad, tensor.detach()

    def undo() -> None:
        with contextlib.suppress(RuntimeError):  # it is no leaf any more
            if tensor.requires_grad != needs:
                tensor.requires_grad_(needs)
            if tensor.grad is not gradient:
                tensor.grad = gradient
        if tensor.layout == torch.strided and _memory_of(tensor) != _memory_of(memory):
            tensor.data = memory

    return [undo]


def _undo_numbers(model: nn.Module, tensors: list[torch.Tensor]) -> list[Undo]:
    """Return what gives the tensors of *model* that are plain attributes their numbers back: no tracer copies them."""
    others = {id(t) for t in tensors_of(model)}
    plain = {memory_key(t): t for t in tensors if id(t) not in others}.values()
    if sum(t.untyped_storage().nbytes() for t in plain) > COPIED:
        return []
    return [_undo_memory(tensor) for tensor in plain]


def _memory_of(tensor: torch.Tensor) -> tuple[Any, ...]:
    with contextlib.suppress(NotImplementedError, RuntimeError):  # it has no memory of the usual kind
        return memory_key(tensor), tensor.shape, tensor.stride(), tensor.storage_offset(), tensor.dtype
    return ()


def _random_states() -> list[Undo]:
    """Return what gives the random states of Python, torch and numpy back."""
    states = [_kept(torch.random.get_rng_state, torch.random.set_rng_state), _kept(random.getstate, random.setstate)]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        states.append(_kept(numpy.random.get_state, numpy.random.set_state))
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch left it untyped
        states.append(_kept(torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all))
    return states


def _kept(get: Callable[[], Any], put_back: Callable[[Any], object]) -> Undo:
    before = get()
    return lambda: put_back(before)


@contextlib.contextmanager
def fast_paths_off() -> Iterator[None]:
    """Let ``nn.TransformerEncoderLayer`` and its like run what they are made of, not one fused operator."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


@contextlib.contextmanager
def evaluating(model: nn.Module, inputs: Any = None) -> Iterator[None]:
    """Let *model* run as every tracer runs it: in silence and evaluation mode; it is left as it was found."""
    with left_as_found(model, inputs), quiet(), torch.no_grad(), fast_paths_off(), sdpa_kernel(SDPBackend.MATH):
        to_evaluation(model)
        yield


__all__ = ["evaluating", "fast_paths_off", "left_as_found", "random_states_kept", "reached", "values_kept"]
