"""What can go wrong, each kind with the exit code that the command line gives it, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

MANY = 10  # names, beyond which a message lists no more


class PtgraphError(Exception):
    """Base of every error ptgraph raises on purpose; its text is one line for people."""

    exit_code = 1


class UsageError(PtgraphError):
    """An argument has a form that ptgraph does not understand."""

    exit_code = 2


class LoadError(PtgraphError):
    """The target cannot be turned into a model."""

    exit_code = 3


class TraceError(PtgraphError):
    """The model was loaded, and no tracer could follow it."""

    exit_code = 4


class ExportError(PtgraphError):
    """A file could not be produced or written."""

    exit_code = 5


class ExportWarning(UserWarning):
    """A file was written, and is not quite what was asked for; its text is one line for people."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error that says something, or else the name of its class."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def named(error: BaseException) -> str:
    """Return the class of an error, and the first line of what it says if it says anything."""
    name, first = type(error).__name__, first_line(error)
    return name if first == name else f"{name}: {first}"


def listed(names: Sequence[str]) -> str:
    """Return *names* with commas, the first of them if there are many."""
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more


def need_file(path: Path) -> None:
    """Raise LoadError if *path* is no file."""
    if not path.is_file():
        raise LoadError(f"{path} is a folder, not a file" if path.is_dir() else f"{path} does not exist")


__all__ = [
    "ExportError",
    "ExportWarning",
    "LoadError",
    "PtgraphError",
    "TraceError",
    "UsageError",
    "first_line",
    "listed",
    "named",
    "need_file",
]
