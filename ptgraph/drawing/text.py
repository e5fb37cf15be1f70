"""Text and numbers as XML and TikZ can hold them."""

from __future__ import annotations

import re

_NOT_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_TO_CLEAN = re.compile(_NOT_XML)
_TO_ESCAPE = re.compile(rf"{_NOT_XML}|\r|\\(?=u)")  # XML turns a carriage return into a line end


def number(value: float) -> str:
    """Return a length as text, to a hundredth of a point."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def clean(line: str) -> str:
    """Return *line* with the characters that XML cannot hold written as ``\\x07``, for people to read."""
    return _TO_CLEAN.sub(lambda match: f"\\x{ord(match[0]):02x}", line)


def escaped(text: str) -> str:
    """Return *text* with the characters that XML cannot hold written as ``\\u0007``, for programs to read.

    A backslash before a u is written as ``\\u005c``, so that no two texts become the same.
    """
    return _TO_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


__all__ = ["clean", "escaped", "number"]
