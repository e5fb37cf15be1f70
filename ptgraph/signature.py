"""All that the forward of a block can see, as one thing to compare: equal signatures, equal traces."""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import re
import types
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .tracked import Tracked, seen, uses_noted_by, value_of

DEEPEST = 12  # levels of objects that a signature follows
PLAIN = (bool, int, float, str, bytes, complex, type(None), type(...), torch.dtype, torch.device, torch.layout)
INDEX = (int, float, str)  # what may tell one of several equal blocks from another
own_forward = "ptgraph_forward"  # the attribute that holds what the forward of a watched class is in truth
_CHANGING = (int, float, str, bool, list, dict, set)
_FIXED = (
    *(types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.MethodWrapperType),
    *(range, slice, re.Pattern, weakref.ref, torch.finfo, torch.iinfo, torch._ops.OpOverload),
)
_PLAIN_TYPES = (*PLAIN, torch.memory_format, torch.Size, enum.Enum, type, types.ModuleType)


class Signature:
    """All that a forward of *block* on these arguments can see, as ``tokens`` to compare, and ``values`` beside them.

    ``values`` holds the attributes in which the siblings differ; ``own`` the parameters and buffers of the block.
    """

    def __init__(
        self, block: nn.Module, differing: frozenset[tuple[str, str]], inputs: list[torch.Tensor], given: Any
    ) -> None:
        self.block, self.differing = block, differing
        self.values: dict[tuple[str, str], Any] = {}
        self.own: list[torch.Tensor] = []
        self.versions: list[int] = []
        with torch._C.DisableTorchFunction():  # the tracer need not see that we look
            self._read(inputs, given)

    def _read(self, inputs: list[torch.Tensor], given: Any) -> None:
        block = self.block
        self._places: dict[int, tuple[str, Any]] = {}
        self._modules = {id(vars(m)): path for path, m in block.named_modules()}
        self._out: list[Any] = []
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []
        for number, tensor in enumerate(inputs):
            self._places[id(tensor)] = ("input", number)
            self._out += [tensor.dtype, tensor.device, tensor.requires_grad, *map(_size, tensor.shape)]
            self._out += map(_size, tensor.stride())
            self.versions.append(tensor._version)
        for path, module in block.named_modules():
            self._state(path, module)
        for path, module in block.named_modules():
            self._attributes(path, module)
        self._code({type(module) for module in block.modules()})
        self._visit(given, 0)
        self.tokens = tuple(self._out)

    def same(self, other: Signature) -> bool:
        """Return whether nothing has changed: the tokens, the values, and the tensors' contents."""
        return (self.tokens, self.values, self.versions) == (other.tokens, other.values, other.versions)

    @contextlib.contextmanager
    def tracking(self) -> Iterator[set[tuple[str, str]]]:
        """Hand out the values in wrappers; yield the set of those that are used, which grows meanwhile."""
        used: set[tuple[str, str]] = set()
        modules = dict(self.block.named_modules())
        before = {}
        for path, name in self.differing:
            attributes: dict[str, Any] = modules[path].__dict__ if path in modules else {}
            if type(value_of(attributes.get(name))) in INDEX:
                held = before[path, name] = attributes[name]
                notes: list[Any] = [*uses_noted_by(held), functools.partial(used.add, (path, name))]
                attributes[name] = Tracked(value_of(held), notes)
        try:
            yield used
        finally:
            for (path, name), held in before.items():
                attributes = modules[path].__dict__
                if type(attributes.get(name)) is Tracked:  # not what the forward itself put there
                    attributes[name] = held

    def note_use(self, used: set[tuple[str, str]]) -> None:
        """Tell an outer run that is tracked that its repeat of this one depends on these values."""
        modules = dict(self.block.named_modules())
        for path, name in used:
            seen(vars(modules[path])[name])

    def _state(self, path: str, module: nn.Module) -> None:
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                self._out += [path, name, tensor is None]
                if tensor is not None:
                    place = f"{path}.{name}" if path else name
                    self._places.setdefault(id(tensor), ("own", place))
                    self._out += [self._places[id(tensor)], tensor.dtype, tensor.device, *map(_size, tensor.shape)]
                    self.own.append(tensor)
                    self.versions.append(tensor._version)

    def _attributes(self, path: str, module: nn.Module) -> None:
        self._out += [path, type(module), tuple(module._modules)]
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers", "_modules"):
                continue
            self._out.append(name)
            if (path, name) in self.differing and type(value_of(value)) in INDEX:
                self.values[path, name] = (type(value_of(value)), value_of(value))
                self._out.append("differs")
            else:
                self._visit(value, 0)

    def _code(self, classes: set[type]) -> None:
        """Say what the classes hold, and the globals of their forward that may change, torch's own left out."""
        ours = {c for kind in classes for c in kind.__mro__ if not c.__module__.startswith(("torch.", "builtins"))}
        for kind in sorted(ours, key=lambda c: f"{c.__module__}.{c.__qualname__}"):
            forward: Any = vars(kind).get("forward")
            forward = getattr(forward, own_forward, forward)
            self._visit(forward, 0)
            scope: dict[str, Any] = getattr(inspect.unwrap(forward), "__globals__", {}) if forward is not None else {}
            self._names(dict(vars(kind)), kind.__module__)
            if id(scope) not in self._seen:
                self._seen[id(scope)] = len(self._seen)
                self._names(dict(scope), kind.__module__)

    def _names(self, names: dict[str, Any], module: str) -> None:
        """Say those of *names* that hold plain values, containers, or objects of classes of the same module."""
        for name, value in names.items():
            if not name.startswith("__") and (type(value) in _CHANGING or type(value).__module__ == module):
                self._out.append(name)
                self._visit(value, DEEPEST - 3)

    def _visit(self, value: Any, depth: int) -> None:
        value = value_of(value)
        if isinstance(value, _PLAIN_TYPES):
            self._out += [type(value), repr(value) if isinstance(value, float | complex) else value]
        elif isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool):
            self._out.append(str(value.node.expr))
        elif isinstance(value, torch.Tensor):
            self._identity(self._places.get(id(value)), value)
        elif id(value) in self._seen:
            self._out.append(self._seen[id(value)])
        elif depth >= DEEPEST:
            self._out.append(type(value))
        else:
            self._seen[id(value)] = len(self._seen)
            self._kept.append(value)
            self._inside(value, depth + 1)

    def _inside(self, value: Any, depth: int) -> None:
        self._out.append(type(value))
        if isinstance(value, nn.Module):
            path = self._modules.get(id(vars(value)))
            if path is None:  # outside of the block: the same one, with the same plain attributes
                self._identity(None, value)
                for name, held in vars(value).items():
                    if isinstance(held, _PLAIN_TYPES):
                        self._out += [name, held]
            else:
                self._out.append(path)
        elif isinstance(value, dict):
            self._out.append(len(value))
            for key, item in value.items():
                self._visit(key, depth)
                self._visit(item, depth)
        elif isinstance(value, list | tuple):
            self._out.append(len(value))
            for item in value:
                self._visit(item, depth)
        elif isinstance(value, set | frozenset):
            self._out.append(frozenset(item if isinstance(item, _PLAIN_TYPES) else id(item) for item in value))
        elif isinstance(value, types.FunctionType):
            self._identity(None, value)
            self._visit((value.__defaults__, value.__kwdefaults__), depth)
            for cell in value.__closure__ or ():
                with contextlib.suppress(ValueError):  # an empty cell
                    self._visit(cell.cell_contents, depth)
        elif isinstance(value, types.MethodType):
            self._visit(value.__func__, depth)
            self._visit(value.__self__, depth)
        elif isinstance(value, functools.partial):
            self._visit((value.func, value.args, value.keywords), depth)
        elif isinstance(value, _FIXED):
            self._identity(None, value)
        else:
            held = {name: getattr(value, name) for name in _slots(type(value)) if hasattr(value, name)}
            if not hasattr(value, "__dict__") and not held:  # such as an iterator: nobody can see whether it changes
                self._identity(None, object())
            self._visit({**getattr(value, "__dict__", {}), **held}, depth)

    def _identity(self, place: tuple[str, Any] | None, value: Any) -> None:
        """Say where a thing is within the block, or that it is this very one (which is kept, so its id stays its)."""
        self._out.append(place or ("this", id(value)))
        self._kept.append(value)


def _slots(kind: type) -> list[str]:
    """Return the names of the slots of a class, those of its bases included."""
    named = [vars(c).get("__slots__", ()) for c in kind.__mro__]
    slots = [name for names in named for name in ([names] if isinstance(names, str) else names)]
    return [name for name in slots if name not in ("__dict__", "__weakref__")]


def _size(size: Any) -> Any:
    return size if isinstance(size, int) else str(size.node.expr)


__all__ = ["INDEX", "PLAIN", "Signature", "own_forward"]
