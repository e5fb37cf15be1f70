"""Where code lives, said without an absolute path; and what a class says of itself."""

from __future__ import annotations

import inspect
import math
import re
import sys
import textwrap
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import torch
from torch import nn

from .contents import contents, is_a
from .graph import ClassInfo

_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_FOLDERS = re.compile(r"(?<![\w./])/(?:[^\s/'\"<>,:;()\[\]]+/)+")


@cache
def _modules_by_file(count: int) -> dict[str, str]:
    """Map file → module name for all that is imported; *count* renews the map when more is."""
    return {
        file: name
        for name, module in sorted(sys.modules.items())
        if isinstance(file := getattr(module, "__file__", None), str) and name != "__main__"
    }


@cache
def relative_path(file: str) -> str:
    """Return *file* as ``package/module.py``: the same wherever the package is installed or checked out."""
    name = _modules_by_file(len(sys.modules)).get(file)
    path = Path(file)
    if name is None:
        return path.name
    parts = name.split(".")
    return "/".join([*parts, "__init__.py"] if path.name == "__init__.py" else [*parts[:-1], path.name])


def last_frame(stack_trace: str | None) -> tuple[str | None, int | None]:
    """Return file and line of the innermost frame of a stack trace, or two Nones; a tracer's own are left out."""
    for file, line in reversed(_FRAME.findall(stack_trace or "")):
        path = relative_path(file)
        if not path.startswith(("torch/fx/", "torch/_")):
            return path, int(line)
    return None, None


def qualified_name(cls: Any) -> str:
    """Return ``package.module.Class``, the name by which a class or function is known in ``ModelGraph.classes``."""
    return f"{cls.__module__}.{cls.__qualname__}"


@cache
def describe(cls: Any) -> ClassInfo:
    """Return what the code says of a class or function; without readable source, its name and docstring."""
    try:
        lines, line = inspect.getsourcelines(cls)
        file = relative_path(inspect.getsourcefile(cls) or "")
    except (OSError, TypeError):  # built in the interpreter, or compiled
        return ClassInfo(cls.__qualname__, cls.__module__, doc=_own_doc(cls), methods=_methods(cls))
    source = textwrap.dedent("".join(lines))
    return ClassInfo(cls.__qualname__, cls.__module__, _own_doc(cls), file, line, source, _methods(cls))


def _own_doc(item: Any) -> str | None:
    """Return the docstring; not that of what it overrides, which for most is ``nn.Module.forward``."""
    return inspect.cleandoc(item.__doc__) if item.__doc__ else None


def _methods(cls: Any) -> tuple[dict[str, str | None], ...]:
    """Return name, signature and docstring of the public methods, but for those every module has."""
    found = {}
    for base in reversed(getattr(cls, "__mro__", ())):  # a function has none
        if base in (object, nn.Module) or base.__module__ == "torch.nn.modules.module":
            continue
        for name, value in vars(base).items():
            function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if not name.startswith("_") and inspect.isfunction(function):
                found[name] = function
    return tuple(
        {"name": name, "signature": _signature(function), "doc": _own_doc(function)} for name, function in found.items()
    )


def _signature(function: Any) -> str:
    try:
        return public(str(inspect.signature(function)))
    except (TypeError, ValueError):
        return "(…)"


def public(text: str) -> str:
    """Return *text* without addresses in memory and absolute folders: they differ by run and by machine."""
    return _FOLDERS.sub("", _ADDRESS.sub("", text))


def plain_value(value: Any) -> Any:
    """Return *value* JSON-plain, or raise TypeError; an absolute path is cut to its last part."""
    if is_a(value, str):
        text = str.__str__(value)
        return (PurePath(text).name or text) if PurePath(text).is_absolute() else text
    if value is None or is_a(value, bool):
        return value
    if is_a(value, int):
        return int.__int__(value)
    if is_a(value, float):
        number = float.__float__(value)
        return number if math.isfinite(number) else str(number)  # JSON knows no infinity and no NaN
    if is_a(value, list | tuple | dict):
        items = contents(value)
        if len(items) > (400 if is_a(value, dict) else 200):
            raise TypeError("so many values are data, not a setting")
        plain = [plain_value(item) for item in items]
        return dict(zip(map(str, plain[::2]), plain[1::2], strict=True)) if is_a(value, dict) else plain
    if is_a(value, complex | torch.dtype | torch.device | torch.layout | torch.memory_format):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no plain form")


def settings(module: nn.Module) -> dict[str, Any]:
    """Return the module's public attributes that have a plain value: its sizes, switches and names."""
    found = {}
    for name, value in vars(module).items():
        if type(name) is not str or name.startswith("_") or name == "training":
            continue
        try:
            found[name] = plain_value(value)
        except (TypeError, RecursionError):  # a tensor, a function, a list that holds itself: not a setting
            continue
    return found


__all__ = ["describe", "last_frame", "plain_value", "public", "qualified_name", "relative_path", "settings"]
