"""Ctrl-C, and the signals TERM and HUP, end the work: none is taken for an error, and none halves a file.

An interrupt is an exception that arises anywhere, also where code of others turns it into an error of its own or drops
it. So that it is not lost, `check` is asked before anything follows from an error, and before a file takes its name.
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
    asked: int = 0  # the signal that asked first
    waits: int = 0  # how many blocks must not be cut in two


_state = _State()


def handle_signals() -> None:
    """Let signals raise `Stopped` from now on; what the parent process ignores stays ignored (``nohup``)."""
    main = threading.current_thread() is threading.main_thread()  # no other can
    for number in _SIGNALS if main else ():
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _stop)


def release_signals() -> None:
    """Let signals end the process at once again: its work is done."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)


def _stop(number: int, frame: Any) -> None:
    _state.asked = _state.asked or number
    if not _state.waits and not _interrupt(sys.exc_info()[1]):  # one that is on its way is let tidy up
        raise Stopped


def check(error: BaseException | None = None) -> None:
    """Raise the interrupt that is due: a signal's, or one that *error* was raised in place of."""
    if _state.asked and not _state.waits:
        raise Stopped
    if _interrupt(error):
        raise KeyboardInterrupt


def _interrupt(error: BaseException | None) -> bool:
    """Return whether *error* is an interrupt, or came of one."""
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
    """Let a signal wait until what is done within is done."""
    _state.waits += 1
    try:
        yield
    finally:
        _state.waits -= 1
    check()


def end(error: BaseException | None = None) -> NoReturn:
    """End the process after an interrupt, with one line of what was noted on *error* and on what it came of.

    If a signal asked for it, nothing else can hold it up: no thread, and no module that tidies up.
    """
    said = "interrupted" if _state.asked in (0, signal.SIGINT) else f"ended by {signal.Signals(_state.asked).name}"
    parts = [said]
    while error is not None:
        parts += [note for note in getattr(error, "__notes__", ()) if note not in parts]
        error = error.__cause__ or error.__context__
    with contextlib.suppress(OSError, ValueError):  # nobody may be there to read it
        print(f"ptgraph: error: {'; '.join(parts)}", file=sys.stderr, flush=True)
    if not _state.asked:
        sys.exit(128 + signal.SIGINT)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(128 + _state.asked)


__all__ = ["Stopped", "check", "end", "handle_signals", "release_signals", "uncut"]
