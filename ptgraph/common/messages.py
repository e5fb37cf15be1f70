"""Text for messages: the first line of an error, lists of names, quotes, sizes, and characters safe to print."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MANY = 10  # names, beyond which a message lists no more


def printable(text: str) -> str:
    r"""Return *text* with escapes, such as ``\x1b``, for characters that would steer a terminal or mislead a reader.

    These are all control characters but the line end and the tab, direction marks, characters without width, Unicode's
    line separators, and surrogates, which stand for bytes that are no text.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message that is not blank, or else the name of its class."""
    if isinstance(error, RecursionError):
        limit = sys.getrecursionlimit()
        return f"calls are nested deeper than Python's limit of {limit:,}, which sys.setrecursionlimit raises"
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    return lines[0] if lines else type(error).__name__


def named(error: BaseException) -> str:
    """Return the class of an error, and the first line of its message if it has one."""
    name, first = type(error).__name__, first_line(error)
    return name if first == name else f"{name}: {first}"


def listed(names: Sequence[str]) -> str:
    """Return *names*, separated by commas; of more than `MANY`, the first and how many more there are."""
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more


def shortened(text: str, limit: int) -> str:
    """Return *text*, its end replaced by an ellipsis if it has more than *limit* characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quoted(value: Any, limit: int = 60) -> str:
    """Return a value as a message quotes it: its ``repr``, in one line, printable, and cut after *limit* characters."""
    try:
        text = repr(value[: limit + 1] if isinstance(value, str) else value)
    except (RecursionError, ValueError):  # nested too deeply, or a number with too many digits
        text = type(value).__name__
    return f"{text[:limit]}…" if len(text) > limit + 2 else text


def kind_of(path: Path) -> str | None:
    """Return "file" or "folder"; None if *path* is neither, or its file system cannot be read."""
    try:
        return "folder" if path.is_dir() else "file" if path.is_file() else None
    except OSError:  # no permission, or the name is too long
        return None


def size_text(size: int) -> str:
    """Return a number of bytes with its unit."""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


__all__ = ["first_line", "kind_of", "listed", "named", "printable", "quoted", "shortened", "size_text"]
