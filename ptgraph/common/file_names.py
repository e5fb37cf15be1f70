"""File names: the stem of an export, and the file of a Python module."""

from __future__ import annotations

import re
from typing import Any

from ptgraph.errors import UsageError

LONGEST = 180  # bytes of a stem; a file name has at most 255, with its suffix and the mark of a temporary file


def file_stem(name: str, *, strict: bool = False) -> str:
    """Return *name* as the stem of a file, with ``_`` in place of characters that may not be in one.

    With *strict*, such a name raises UsageError instead.
    """
    safe = re.sub(r"[^\w.+-]+", "_", name).strip(".").encode()[:LONGEST].decode(errors="ignore")
    if strict and (safe != name or not name):
        mended = safe.strip("_") or "model"
        if len(name.encode(errors="replace")) > LONGEST:
            raise UsageError(f"the name {name!r} is longer than {LONGEST} bytes")
        raise UsageError(f"the name {name!r} is no file name of letters, digits and . _ + -, such as {mended!r}")
    return safe or "model"


def module_file(module: Any) -> str | None:
    """Return the file of what is in ``sys.modules``; None if it has none, or is loaded only when it is used."""
    try:
        file = object.__getattribute__(module, "__dict__").get("__file__")  # a lazy module would be loaded by more
    except AttributeError:
        return None
    return file if isinstance(file, str) else None


__all__ = ["file_stem", "module_file"]
