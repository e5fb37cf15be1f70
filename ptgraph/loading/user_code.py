"""The user's own code, run quietly: what it raises becomes a LoadError."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ptgraph.common.messages import first_line
from ptgraph.common.silence import quiet
from ptgraph.errors import LoadError, PtgraphError

Result = TypeVar("Result")


def run_user_code(action: Callable[[], Result], doing: str, *passed: type[Exception]) -> Result:
    """Run the user's own code: what it prints is dropped, what it raises (but *passed*) becomes a LoadError."""
    allowed: tuple[type[Exception], ...] = (PtgraphError, *passed)
    try:
        with quiet():
            return action()
    except allowed:
        raise
    except (Exception, SystemExit) as error:
        raise LoadError(f"{doing} failed: {reason_of(error)}") from error


def reason_of(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}); what only a script does belongs under if __name__ == '__main__'"
    return f"{type(error).__name__}: {first_line(error)}" if str(error).strip() else type(error).__name__


__all__ = ["reason_of", "run_user_code"]
