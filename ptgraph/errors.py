"""What can go wrong, each kind with the exit code that the command line gives it, and how it is told."""

from __future__ import annotations


class PtgraphError(Exception):
    """Base of every error ptgraph raises on purpose; its text is one line for people."""

    exit_code = 1


class PtgraphWarning(UserWarning):
    """What ptgraph left out of account or made otherwise than asked for; its text is one line for people."""


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


__all__ = ["ExportError", "LoadError", "PtgraphError", "PtgraphWarning", "TraceError", "UsageError"]
