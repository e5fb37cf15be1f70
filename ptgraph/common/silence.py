"""What the whole process shares, used by one thread at a time; and what libraries say, kept off the terminal."""

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
    """Let *function* wait for every other such function that runs in another thread.

    Tracing and writing change what a process has once, and put it back: streams, warnings, levels of logs, the
    ``forward`` of classes, torch's random state and switches, ``sys.path``.
    """

    @functools.wraps(function)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> R:
        with _LOCK:
            return function(*args, **kwargs)

    return waiting


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence logs up to errors, and warnings, and what this thread's Python code writes to both standard streams."""
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
    """Drops what this thread writes, until `end`; the rest goes to *stream*, also where somebody has kept this one."""

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
