"""Text for messages: the first line of an error, a list of names, characters that are safe to print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

MANY = 10  # names, beyond which a message lists no more


def printable(text: str) -> str:
    r"""Return *text* with escapes, such as ``\x1b``, in place of what would steer a terminal or mislead a reader.

    These are all control characters but the line end and the tab, marks of direction, characters without width,
    Unicode's own line ends, and surrogates, which stand for bytes that are no text.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def first_line(error: BaseException) -> str:
    """Return the first line of an error that says something, or else the name of its class."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    return lines[0] if lines else type(error).__name__


def named(error: BaseException) -> str:
    """Return the class of an error, and the first line of what it says if it says anything."""
    name, first = type(error).__name__, first_line(error)
    return name if first == name else f"{name}: {first}"


def listed(names: Sequence[str]) -> str:
    """Return *names* with commas, the first of them if there are many."""
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more


def kind_of(path: Path) -> str | None:
    """Return "file" or "folder", or None for what is neither of them, or cannot be looked at."""
    try:
        return "folder" if path.is_dir() else "file" if path.is_file() else None
    except OSError:  # no folder may be searched, or the name is too long
        return None


__all__ = ["first_line", "kind_of", "listed", "named", "printable"]
