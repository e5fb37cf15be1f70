"""Calls of the user's own code: its output is dropped, and its errors become LoadErrors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ptgraph.common.messages import first_line
from ptgraph.common.silence import quiet
from ptgraph.errors import LoadError, PtgraphError

Result = TypeVar("Result")


def run_user_code(action: Callable[[], Result], doing: str, *passed: type[Exception]) -> Result:
    """Return what *action*, code of the user, returns. What it prints is dropped.

    *doing* names the action in messages. Raises LoadError if it raises an error or calls ``sys.exit``; errors of
    ptgraph and of the classes *passed* are raised as they are.
    """
    allowed: tuple[type[Exception], ...] = (PtgraphError, *passed)
    try:
        with quiet():
            return action()
    except allowed:
        raise
    except (Exception, SystemExit) as error:  # code of the user may raise any
        raise LoadError(f"{doing} failed: {reason_of(error)}") from error


def reason_of(error: BaseException) -> str:
    """Return the class and the first line of an error of the user's code."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}); what only a script does belongs under if __name__ == '__main__'"
    return f"{type(error).__name__}: {first_line(error)}" if str(error).strip() else type(error).__name__


__all__ = ["reason_of", "run_user_code"]
