"""Stages: functions that a pipeline is made of, each of which says where it stands and can be watched at work."""

import functools
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeVar

__all__ = ["Event", "Role", "record", "stage"]

P = ParamSpec("P")
R = TypeVar("R")
Role = Literal["Data pipeline", "Training"]


@dataclass(frozen=True)
class Event:
    """One run of a stage: the function, its role, what went in by name, what came out, and how long it took."""

    function: Callable[..., Any]
    role: Role
    arguments: dict[str, Any]
    result: Any
    seconds: float


_EVENTS: ContextVar[list[Event] | None] = ContextVar("events", default=None)


def stage(role: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a function to be a stage of a pipeline; its docstring says what it does there.

    The function runs as ever, and inside `record` its runs are written down as well. Values are told apart
    by identity: what flows from one stage to the next is the very object that the first returned, or a part
    of it.
    """

    def declare(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)  # of the function as written, whatever decorates it

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            events = _EVENTS.get()
            if events is None:
                return function(*args, **kwargs)
            start = time.perf_counter()
            result = function(*args, **kwargs)
            seconds = time.perf_counter() - start
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            events.append(Event(function, role, bound.arguments, result, seconds))
            return result

        return run

    return declare


@contextmanager
def record() -> Iterator[list[Event]]:
    """Write down every run of a stage, in order of their ends; the list fills while the context is open.

    The events keep all that flowed alive, so record a step or two and no more.
    """
    events: list[Event] = []
    token = _EVENTS.set(events)
    try:
        yield events
    finally:
        _EVENTS.reset(token)
