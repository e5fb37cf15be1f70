"""The signature of a module call: all that the forward of a block can see. Equal signatures have equal traces."""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import re
import types
import weakref
from collections import deque
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import nn

from ptgraph.tracing.containers import attributes, container, contents, slots
from ptgraph.tracing.module_walk import modules, named_modules
from ptgraph.tracing.repeated_blocks.value_tracker import Tracked, seen, uses_noted_by, value_of
from ptgraph.tracing.torch_internals import (
    DisableTorchFunction,
    OpOverload,
    expression_of,
    own_buffers,
    own_modules,
    own_parameters,
    version_of,
)

DEEPEST = 12  # levels of objects that a signature follows
PLAIN = (bool, int, float, str, bytes, complex, type(None), type(...), torch.dtype, torch.device, torch.layout)
INDEX = (int, float, str)  # what may tell one of several equal blocks from another
own_forward = "ptgraph_forward"  # the attribute that holds what the forward of a watched class is in truth
_CHANGING = (int, float, str, list, dict, set, deque)
_FIXED = (
    *(types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.MethodWrapperType),
    *(range, slice, re.Pattern, weakref.ref, torch.finfo, torch.iinfo, OpOverload),
)
_EXACT = frozenset((*PLAIN, torch.memory_format))  # compared by value; instances of derived classes are objects
_DERIVED = (int, float, str, bytes, complex)  # what instances of derived classes are worth, their own code aside
_NO_CODE = (lambda: None).__code__
_BY_IDENTITY = (*_FIXED, enum.Enum, type, types.ModuleType)  # nobody changes them


class Signature:
    """All that a forward of *block* on these arguments can see, as ``tokens`` to compare, and ``values`` beside them.

    ``values`` holds the attributes in which the siblings differ, or those of a block around this one, which lent them
    in wrappers; ``own`` the parameters and buffers of the block.
    """

    def __init__(
        self, block: nn.Module, differing: frozenset[tuple[str, str]], inputs: list[torch.Tensor], given: Any
    ) -> None:
        self.block, self.differing = block, differing
        self.values: dict[tuple[str, str], Any] = {}
        self.own: list[torch.Tensor] = []
        self.versions: list[int] = []
        self.lent: list[Tracked] = []
        with DisableTorchFunction():  # the tracer need not see that we look
            self._read(inputs, given)

    def _read(self, inputs: list[torch.Tensor], given: Any) -> None:
        block = self.block
        self._kept: list[Any] = []
        self._places: dict[int, tuple[str, Any]] = {}
        self._modules = {self._id(vars(m)): path for path, m in named_modules(block)}
        self._out: list[Any] = []
        self._seen: dict[int, int] = {}
        for number, tensor in enumerate(inputs):
            self._places[self._id(tensor)] = ("input", number)
            self._out += [tensor.dtype, tensor.device, tensor.requires_grad, *map(_size, tensor.shape)]
            self._out += map(_size, tensor.stride())
            self.versions.append(version_of(tensor))
        for path, module in named_modules(block):
            self._state(path, module)
        for path, module in named_modules(block):
            self._attributes(path, module)
        self._code({type(module) for module in modules(block)})
        self._visit(given, 0)
        self.tokens = tuple(self._out)

    def same(self, other: Signature) -> bool:
        """Return whether nothing has changed: the tokens, the values, and the tensors' contents."""
        return (self.tokens, self.values, self.versions) == (other.tokens, other.values, other.versions)

    @contextlib.contextmanager
    def handed_out(self, wrapped: bool) -> Iterator[set[tuple[str, str]]]:
        """Hand out the values, *wrapped* or as they are; yield the set of those that are used, which grows meanwhile.

        A value that is not wrapped counts as used.
        """
        used: set[tuple[str, str]] = set() if wrapped else set(self.values)
        if not wrapped:
            self.note_use(used)
        modules = dict(named_modules(self.block))
        before, given = {}, {}
        for path, name in self.values:
            held = before[path, name] = vars(modules[path])[name]
            notes: list[Any] = [*uses_noted_by(held), functools.partial(used.add, (path, name))]
            given[path, name] = Tracked(value_of(held), notes) if wrapped else value_of(held)
            modules[path].__dict__[name] = given[path, name]
        try:
            yield used
        finally:
            for (path, name), held in before.items():
                if vars(modules[path]).get(name) is given[path, name]:  # not what the forward itself put there
                    modules[path].__dict__[name] = held

    def note_use(self, used: set[tuple[str, str]]) -> None:
        """Tell a traced call around this one that its repeat depends on these values, and on those given."""
        modules = dict(named_modules(self.block))
        for path, name in used:
            seen(vars(modules[path])[name])
        for value in self.lent:
            seen(value)

    def _state(self, path: str, module: nn.Module) -> None:
        for held in (own_parameters(module), own_buffers(module)):
            for name, tensor in held.items():
                self._out += [path, name, tensor is None]
                if tensor is not None:
                    place = f"{path}.{name}" if path else name
                    self._places.setdefault(self._id(tensor), ("own", place))
                    self._out += [self._places[id(tensor)], tensor.dtype, tensor.device, *map(_size, tensor.shape)]
                    self.own.append(tensor)
                    self.versions.append(version_of(tensor))

    def _attributes(self, path: str, module: nn.Module) -> None:
        self._out += [path, self._id(type(module)), tuple(own_modules(module))]
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers", "_modules"):
                continue
            self._out.append(name)
            tracked = type(value) is Tracked or (path, name) in self.differing
            if tracked and type(value_of(value)) in INDEX:
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
            function = inspect.unwrap(forward) if forward is not None else None
            named = getattr(function, "__code__", _NO_CODE).co_names
            self._names(dict(vars(kind)), kind.__module__, named)
            scope = getattr(function, "__globals__", None)
            if scope is not None and self._first(scope):
                self._names(dict(scope), kind.__module__, ())
            self._names({name: scope[name] for name in named if name in scope} if scope else {}, "", named)

    def _names(self, names: dict[str, Any], module: str, iterators: Collection[str]) -> None:
        """Say those of *names* that hold plain values, containers, objects of a class of *module*, or *iterators*."""
        for name, value in names.items():
            kind = type(value)
            changes = issubclass(kind, _CHANGING) or kind.__module__ == module
            if (name in iterators if hasattr(kind, "__next__") else changes) and not name.startswith("__"):
                self._out.append(name)
                self._visit(value, DEEPEST - 3)

    def _visit(self, value: Any, depth: int) -> None:
        if type(value) is Tracked:
            self.lent.append(value)
            value = value_of(value)
        kind = type(value)
        if kind in _EXACT:
            self._out += [kind, repr(value) if kind is float or kind is complex else value]
        elif issubclass(kind, torch.SymInt | torch.SymFloat | torch.SymBool):
            self._out.append(str(expression_of(value)))
        elif issubclass(kind, torch.Tensor):
            self._tensor(value)
        elif issubclass(kind, _BY_IDENTITY):
            self._out.append(self._this(value))
        elif not self._first(value):
            self._out.append(self._seen[id(value)])
        elif depth >= DEEPEST:
            self._out.append(self._id(kind))
        else:
            self._out.append(self._id(kind))
            self._inside(value, depth + 1)

    def _tensor(self, value: torch.Tensor) -> None:
        """Say where a tensor is within the block, or that it is this very one, and whether its contents change."""
        place = self._places.get(id(value))
        self._out.append(place or self._this(value))
        if place is None and not value.is_inference():
            self.versions.append(version_of(value))

    def _inside(self, value: Any, depth: int) -> None:
        kind = type(value)
        if issubclass(kind, nn.Module):
            path = self._modules.get(id(vars(value)))
            self._out.append(self._this(value) if path is None else path)
            if path is None:  # outside of the block: the same one, with the same plain attributes
                for name, held in vars(value).items():
                    if type(held) in _EXACT:
                        self._out.append(name)
                        self._visit(held, depth)
        elif issubclass(kind, types.FunctionType):
            self._out.append(self._this(value))
            self._visit((value.__defaults__, value.__kwdefaults__), depth)
            for cell in value.__closure__ or ():
                with contextlib.suppress(ValueError):  # an empty cell
                    self._visit(cell.cell_contents, depth)
        elif issubclass(kind, types.MethodType):
            self._visit(value.__func__, depth)
            self._visit(value.__self__, depth)
        elif issubclass(kind, functools.partial):
            self._visit((value.func, value.args, value.keywords), depth)
        else:
            self._object(value, depth)

    def _object(self, value: Any, depth: int) -> None:
        """Say what an object holds: as the built-in class that it is derived from, in its attributes and slots."""
        kind, items, own = type(value), contents(value), attributes(value)
        derived = container(value) is not kind
        held = slots(value) if derived else {}
        worth = [base.__repr__(value) for base in _DERIVED if issubclass(kind, base)] if derived else []
        if container(value) is None and own is None and not held and not worth:
            self._out.append(self._this(object()))  # such as an iterator: nobody can see whether it changes
        self._out += [*worth, len(items)]
        for item in items:
            self._visit(item, depth)
        if own or held:
            self._visit({**(own or {}), **held}, depth)

    def _id(self, value: Any) -> int:
        """Return the ``id`` of a thing, which is kept, so that it stays its own: the one way to note an id here."""
        self._kept.append(value)
        return id(value)

    def _this(self, value: Any) -> tuple[str, int]:
        """Return what says that it is this very thing."""
        return "this", self._id(value)

    def _first(self, value: Any) -> bool:
        """Return whether a thing is met for the first time, and number it then."""
        if id(value) in self._seen:
            return False
        self._seen[self._id(value)] = len(self._seen)
        return True


def _size(size: Any) -> Any:
    return size if isinstance(size, int) else str(expression_of(size))


__all__ = ["INDEX", "PLAIN", "Signature", "own_forward"]
