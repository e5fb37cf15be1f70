"""Python values → JSON-plain values and text without addresses and absolute paths."""

from __future__ import annotations

import math
import re
import sys
from pathlib import PurePath
from typing import Any

import torch
from torch import nn

from ptgraph.common.messages import first_line
from ptgraph.tracing.containers import contents, is_a

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_FOLDERS = re.compile(r"(?<![\w./])/(?:[^\s/'\"<>,:;()\[\]]+/)+")


def public(text: str) -> str:
    """Return *text* without addresses in memory and absolute folders: they differ by run and by machine.

    A folder from which Python imports may have any name; of another one, a part from the first space on is left.
    """
    for folder in sorted(filter(_is_folder, sys.path), key=len, reverse=True):
        text = text.replace(f"{folder.rstrip('/')}/", "/_/")
    return _FOLDERS.sub("", _ADDRESS.sub("", text))


def _is_folder(path: Any) -> bool:
    return isinstance(path, str) and len(path) > 1 and path.startswith("/")


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


def reason(error: BaseException) -> str:
    return public(first_line(error))


__all__ = ["plain_value", "public", "reason", "settings"]
