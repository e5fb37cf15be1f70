"""Text and numbers as XML and TikZ hold them."""

from __future__ import annotations

import re

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def number(value: float) -> str:
    """Return a length as text, to a hundredth of a point."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def clean(line: str) -> str:
    """Return *line* with the characters that XML cannot hold written as ``\\x07``."""
    return NOT_XML.sub(lambda match: f"\\x{ord(match[0]):02x}", line)


__all__ = ["clean", "number"]
