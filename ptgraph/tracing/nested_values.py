"""What ``forward`` takes and gives, nested in any way → its tensors by name, and the rest; and back.

Nothing of the user's is called: containers are read and made by the built-in class that each is, and other objects by
their attributes. Only what was made known to torch as a pytree is taken apart and made by the functions given for it.
"""

from __future__ import annotations

import enum
import logging
import types
from collections import OrderedDict, UserDict, UserList, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import fx, nn

from ptgraph.common.interrupts import check
from ptgraph.common.unique import unique
from ptgraph.tracing.containers import attributes, container, contents, is_a, put, slots
from ptgraph.tracing.plain_values import plain_value
from ptgraph.tracing.torch_internals import pytree

log = logging.getLogger(__name__)
TENSORS = (torch.Tensor, torch.SymInt, torch.SymFloat, torch.SymBool, fx.Node)  # what a program may take and give
_BUILT_IN = types.BuiltinFunctionType
_ORDERED = (list, tuple, deque, dict, OrderedDict)
_WHOLE = (nn.Module, type, types.FunctionType, types.MethodType, types.ModuleType, _BUILT_IN)
_DEPTH = 32  # of objects in objects; what is deeper is left as it is

Make = Callable[[Mapping[str, Any]], Any]


@dataclass
class Opened:
    """A value, taken apart.

    ``tensors`` has its tensors by name, in order: the steps to each, joined, or ``output`` where there is none. One
    that is found twice is there twice.
    ``rest`` has everything else by name: each item of a dict, and a list or an object without tensors as a whole.
    ``rebuild`` makes the value again, with other tensors by the same names.
    """

    tensors: dict[str, Any] = field(default_factory=dict)
    rest: list[tuple[str, Any]] = field(default_factory=list)
    rebuild: Make = dict


def opened(value: Any, name: str = "", step: str = ".", spell: Callable[[str], str] = str) -> Opened:
    """Take *value* apart. The names begin with *name*, their steps are joined by *step*, and *spell* spells them."""
    found = Opened()

    def visit(part: Any, at: str, inside: tuple[int, ...]) -> Make:
        if is_a(part, TENSORS):
            key = unique(spell(at or "output"), found.tensors)
            found.tensors[key] = part
            return lambda given: given[key]
        before, listed = len(found.tensors), len(found.rest)
        parts = _parts(part) if id(part) not in inside and len(inside) < _DEPTH else None
        if parts is not None:
            prefix = f"{at}{step}" if at else ""
            makes = [visit(p, f"{prefix}{s}", (*inside, id(part))) for s, p in zip(*parts[:2], strict=True)]
            if len(found.tensors) > before:
                remake = parts.remake
                return lambda given: remake([make(given) for make in makes])
        if parts is None or not (parts.named and parts.steps):
            del found.rest[listed:]
            found.rest.append((at, part))
        return lambda given: part

    found.rebuild = visit(value, name, ())
    return found


def map_tensors(change: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """Return *value* with *change* of each tensor in its place."""
    found = opened(value)
    return found.rebuild({name: change(t) if is_a(t, torch.Tensor) else t for name, t in found.tensors.items()})


def described(rest: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Return values that are no tensors, JSON-plain: their name, type and, where it has a plain form, their value.

    A device has none: it is that of the trace.
    """
    found = []
    for name, value in rest:
        says = {"name": name or "output", "type": type(value).__name__}
        if is_a(value, torch.device):
            found.append(says)
            continue
        try:
            plain = enum.Enum.__str__(value) if is_a(value, enum.Enum) else plain_value(value)
            found.append({**says, "value": plain})
        except (TypeError, RecursionError):
            found.append(says)
    return found


def key_name(key: Any) -> str:
    """Return the plain form of one step of a pytree path: a field, a key or an index."""
    return str(next(getattr(key, a) for a in ("key", "name", "idx") if hasattr(key, a)))


class _Parts(NamedTuple):
    """What a value consists of: its steps, the parts, and what makes it again; ``named`` if its steps are keys."""

    steps: list[str]
    parts: list[Any]
    remake: Callable[[list[Any]], Any]
    named: bool


def _parts(value: Any) -> _Parts | None:
    """Return the parts of *value*, or None if it has none, or could not be made again."""
    if value is None or is_a(value, (str, bytes, int, float, complex, *_WHOLE)):
        return None
    try:
        known = _known(value)
        if known is not None:
            return known
        kind = container(value)
        found = _held(value) if kind is None else _contained(value, kind) if kind in _ORDERED else None
        if found is not None:
            found.remake(found.parts)
        return found
    except Exception as error:  # whatever the classes of the user raise when an object of theirs is made
        check(error)
        log.debug("a %s is not taken apart", type(value).__name__, exc_info=True)
        return None


def _known(value: Any) -> _Parts | None:
    """Return the parts of what torch knows."""

    def below(part: Any) -> bool:
        return part is not value

    try:
        pairs, spec = pytree.tree_flatten_with_path(value, is_leaf=below)
        if pairs and not pairs[0][0]:
            return None
        steps, parts = [key_name(path[0]) for path, _ in pairs], [part for _, part in pairs]
    except ValueError:  # it was made known without names for its parts
        parts, spec = pytree.tree_flatten(value, is_leaf=below)
        names = {id(part): name for name, part in _names(value)}
        steps = [names.get(id(part), str(number)) for number, part in enumerate(parts)]
    if is_a(value, tuple) and "_fields" in dir(type(value)):  # a named tuple, which may have a constructor of its own
        return _Parts(steps, parts, lambda items: tuple.__new__(type(value), items), False)
    return _Parts(steps, parts, lambda items: pytree.tree_unflatten(items, spec), is_a(value, dict))


def _names(value: Any) -> list[tuple[str, Any]]:
    if is_a(value, dict):
        items = contents(value)
        return list(zip(map(str, items[::2]), items[1::2], strict=True))
    return list({**slots(value), **(attributes(value) or {})}.items())


def _contained(value: Any, kind: type) -> _Parts:
    """Return the items of an instance of a class derived from a built-in container."""
    items = contents(value)
    keys = items[::2] if issubclass(kind, dict) else []
    parts = items[1::2] if issubclass(kind, dict) else items

    def remake(new: list[Any]) -> Any:
        if kind is tuple:
            made = tuple.__new__(type(value), new)
        else:
            made = kind.__new__(type(value))  # type: ignore[call-overload]  # *kind* is one of five
            put(made, [item for pair in zip(keys, new, strict=True) for item in pair] if keys else new)
        own = attributes(made)
        if own is not None:  # an item may be an attribute as well
            changed = dict(zip(map(id, parts), new, strict=True))
            own.update({name: changed.get(id(part), part) for name, part in (attributes(value) or {}).items()})
        return made

    return _Parts([str(key) for key in keys or range(len(parts))], parts, remake, bool(keys))


def _held(value: Any) -> _Parts | None:
    """Return what an object holds in its attributes and slots; of Python's own containers, what is in them."""
    own, in_slots = attributes(value), slots(value)
    held = {**in_slots, **(own or {})}
    if not held:
        return None
    maker: Any = next(kind for kind in type(value).__mro__ if type(vars(kind).get("__new__")) is _BUILT_IN)

    def remake(new: list[Any]) -> Any:
        made, now = maker.__new__(type(value)), dict(zip(held, new, strict=True))
        for name in in_slots:
            object.__setattr__(made, name, now.pop(name))
        (attributes(made) if own is not None else {}).update(now)  # type: ignore[union-attr]  # it has as *value* has
        return made

    inner = _parts(held["data"]) if is_a(value, (UserDict, UserList)) and "data" in held else None
    if inner is None:
        return _Parts(list(held), list(held.values()), remake, False)
    rest = [part for name, part in held.items() if name != "data"]
    names = [name for name in held if name != "data"]

    def remake_data(new: list[Any]) -> Any:
        now = {**dict(zip(names, rest, strict=True)), "data": inner.remake(new)}
        return remake([now[name] for name in held])

    return _Parts(inner.steps, inner.parts, remake_data, inner.named)


__all__ = ["TENSORS", "Opened", "described", "key_name", "map_tensors", "opened"]
