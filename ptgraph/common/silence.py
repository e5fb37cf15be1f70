"""State of the whole process: changed by one thread at a time, and silence while code of others runs.

`quiet` swaps, until it ends, what a process has only once: ``sys.stdout`` and ``sys.stderr``, the level up to which
`logging` drops records, and the filters of `warnings`. `quiet` and `alone` hold one reentrant lock. So:

- Calls of ptgraph in several threads run one after the other. To trace in parallel, use processes.
- Threads that do not call ptgraph never wait. What they print meanwhile appears, but their warnings and their log
  records up to ERROR are dropped, and a change that they make to the filters of `warnings` is undone at the end.
- Output of C and C++ code, which does not go through ``sys.stdout``, is not silenced.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_LOCK = threading.RLock()


def alone(function: Callable[P, R]) -> Callable[P, R]:
    """Let *function* hold the lock: it waits for every other such function that runs in another thread.

    Functions that trace or write need it, since they change state of the whole process, and put it back: streams,
    warnings, levels of logs, the ``forward`` of classes, torch's random state and switches, ``sys.path``.
    """

    @functools.wraps(function)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> R:
        with _LOCK:
            return function(*args, **kwargs)

    return waiting


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence log records up to ERROR, warnings, and what Python code of this thread writes to stdout and stderr.

    Holds the lock. What is silenced for the whole process, and what for this thread alone, says the module.
    """
    with _LOCK, contextlib.ExitStack() as stack:
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.ERROR)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for stream, redirected in (
            (sys.stdout, contextlib.redirect_stdout),
            (sys.stderr, contextlib.redirect_stderr),
        ):
            muted = _Muted(stream)
            stack.callback(muted.end)
            stack.enter_context(redirected(muted))
        yield


class _Muted(io.StringIO):
    """A stream that drops what the thread that made it writes, until `end`; all else goes on to *stream*.

    A library may keep it, as the stream of a log handler, so it must still work after `end`.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._thread: int | None = threading.get_ident()

    def end(self) -> None:
        self._thread = None

    def write(self, text: str) -> int:
        if self._stream is not None and threading.get_ident() != self._thread:
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        if self._stream is not None and threading.get_ident() != self._thread:
            self._stream.flush()


__all__ = ["alone", "quiet"]
