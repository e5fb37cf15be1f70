"""Interrupts: Ctrl-C and the signals TERM and HUP end the work, are never taken for an error, and leave files whole.

An interrupt is an exception that may arise in code of others, which may drop it or raise another in its place. So
`check` is called where an error is handled, and before a file gets its name: it raises the interrupt again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(KeyboardInterrupt):
    """A signal asks the process to end."""


@dataclass
class _State:
    asked: int = 0  # the number of the first signal
    waits: int = 0  # the number of `uncut` blocks that are running


_state = _State()


def handle_signals() -> None:
    """Let signals raise `Stopped` from now on; signals that the parent process ignores stay ignored (``nohup``)."""
    main = threading.current_thread() is threading.main_thread()  # other threads cannot set handlers
    for number in _SIGNALS if main else ():
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _stop)


def release_signals() -> None:
    """Let signals end the process at once again."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)


def _stop(number: int, frame: Any) -> None:
    _state.asked = _state.asked or number
    if not _state.waits and not _interrupt(sys.exc_info()[1]):  # do not interrupt the handling of an interrupt
        raise Stopped


def check(error: BaseException | None = None) -> None:
    """Raise `Stopped` if a signal has come, or KeyboardInterrupt if *error* is one or was raised in place of one."""
    if _state.asked and not _state.waits:
        raise Stopped
    if _interrupt(error):
        raise KeyboardInterrupt


def _interrupt(error: BaseException | None) -> bool:
    """Return whether *error* is a KeyboardInterrupt, or has one among its causes and contexts."""
    todo, seen = [error], set[int]()
    while todo:
        found = todo.pop()
        if isinstance(found, KeyboardInterrupt):
            return True
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            todo += [found.__cause__, found.__context__]
    return False


@contextlib.contextmanager
def uncut() -> Iterator[None]:
    """Delay signals to the end of the block."""
    _state.waits += 1
    try:
        yield
    finally:
        _state.waits -= 1
    check()


def end(error: BaseException | None = None) -> NoReturn:
    """End the process after an interrupt. Prints one line, with the notes of *error* and of its causes.

    After a signal the process ends at once: it waits for no thread and calls no exit handlers.
    """
    said = "interrupted" if _state.asked in (0, signal.SIGINT) else f"ended by {signal.Signals(_state.asked).name}"
    parts = [said]
    while error is not None:
        parts += [note for note in getattr(error, "__notes__", ()) if note not in parts]
        error = error.__cause__ or error.__context__
    with contextlib.suppress(OSError, ValueError):  # stderr may be closed
        print(f"ptgraph: error: {'; '.join(parts)}", file=sys.stderr, flush=True)
    if not _state.asked:
        sys.exit(128 + signal.SIGINT)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(128 + _state.asked)


__all__ = ["Stopped", "check", "end", "handle_signals", "release_signals", "uncut"]
