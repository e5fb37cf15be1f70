"""Contents of containers, read and written by the methods of the built-in class, so that no code of the user's runs."""

from __future__ import annotations

import logging
import operator
import types
from collections import OrderedDict, UserDict, UserList, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)
_OPEN = (UserDict, UserList)  # classes of Python's own that hold their items in an attribute


def is_a(value: Any, kinds: type | types.UnionType | tuple[type, ...]) -> bool:
    """Return whether *value* is an instance, whatever its ``__class__`` says."""
    return issubclass(type(value), kinds)


def container(value: Any) -> type | None:
    """Return the built-in class of container that *value* is, or None for any other object."""
    kind = type(value)
    if kind in _READ:
        return kind
    return next((known for known in _READ if issubclass(kind, known)), None)


def contents(value: Any) -> list[Any]:
    """Return the items of a container in their order; those of a dict are each key and then its value."""
    kind = container(value)
    return _READ[kind](value) if kind is not None else []


def put(value: Any, items: list[Any]) -> None:
    """Write *items*, in the form that `contents` returns, into a container. An immutable container stays as it is.

    So does one whose keys can no longer be hashed.
    """
    kind = container(value)
    if kind is None or kind not in _WRITE:
        return
    now = contents(value)
    if len(now) != len(items) or not all(map(operator.is_, now, items)):
        try:
            _WRITE[kind](value, items)
        except Exception:  # what the hashing or equality of a user's keys raises
            log.debug("a %s stays as it is", type(value).__name__, exc_info=True)


def swapped(item: Any, made: Mapping[int, Any]) -> Any:
    """Return what takes the place of *item*: what was made for its ``id``, or a tuple with such an object in it."""
    if not is_a(item, tuple):
        return made.get(id(item), item)
    items = contents(item)
    new = [swapped(part, made) for part in items]
    return item if all(map(operator.is_, items, new)) else tuple.__new__(type(item), new)


def state(value: Any) -> dict[str, Any] | None:
    """Return the attributes of a container whose class is derived from a built-in one; None for any other object."""
    kind = container(value)
    return attributes(value) if (kind is not None and kind is not type(value)) or is_a(value, _OPEN) else None


def attributes(value: Any) -> dict[str, Any] | None:
    """Return the instance's own ``__dict__``, or None for one that has none."""
    for kind in type(value).__mro__:
        found = vars(kind).get("__dict__")
        if found is not None and type(found) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            held = found.__get__(value)
            return held if type(held) is dict else None
    return None


def slots(value: Any) -> dict[str, Any]:
    """Return what the slots of an object hold, those of its bases included."""
    held = {}
    for kind in type(value).__mro__:
        if "__slots__" in vars(kind):
            for name, member in vars(kind).items():
                if type(member) is types.MemberDescriptorType:
                    with suppress(AttributeError):  # nothing is in it
                        held[name] = member.__get__(value)
    return held


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


def _put_dict(value: Any, items: list[Any]) -> None:
    fresh = _pairs(items)  # hashes all keys before anything is lost
    dict.clear(value)
    dict.update(value, fresh)


def _put_ordered(value: Any, items: list[Any]) -> None:
    fresh = _pairs(items)
    OrderedDict.clear(value)
    for key, item in fresh.items():
        OrderedDict.__setitem__(value, key, item)


def _put_set(value: Any, items: list[Any]) -> None:
    fresh = set(items)
    set.clear(value)
    set.update(value, fresh)


def _put_deque(value: Any, items: list[Any]) -> None:
    deque.clear(value)
    deque.extend(value, items)


_READ: dict[type, Callable[[Any], list[Any]]] = {
    OrderedDict: lambda value: [part for pair in OrderedDict.items(value) for part in pair],
    dict: lambda value: [part for pair in dict.items(value) for part in pair],
    list: lambda value: list.__getitem__(value, slice(None)),
    tuple: lambda value: list(tuple.__iter__(value)),
    set: lambda value: list(set.__iter__(value)),
    frozenset: lambda value: list(frozenset.__iter__(value)),
    deque: lambda value: list(deque.__iter__(value)),
}
_WRITE: dict[type, Callable[[Any, list[Any]], None]] = {
    OrderedDict: _put_ordered,
    dict: _put_dict,
    list: lambda value, items: list.__setitem__(value, slice(None), items),
    set: _put_set,
    deque: _put_deque,
}

__all__ = ["attributes", "container", "contents", "is_a", "put", "slots", "state", "swapped"]
